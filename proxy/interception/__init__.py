"""Transparent interception: the kernel leads connections here, and each goes where it was going,
or to the application that lives there."""
