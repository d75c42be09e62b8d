"""What people are told outside of the console, by which channels."""
