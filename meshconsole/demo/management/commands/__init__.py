"""`demo` and `drill`."""
