"""`drill`."""
