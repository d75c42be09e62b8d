"""The shell of healing where it needs no rows."""
