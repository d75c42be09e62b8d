"""A whole mesh on one machine: real services behind real sidecars under real load."""
