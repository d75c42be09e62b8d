"""What sidecars reported of instances that fail: evidence kept as it came, and what is open."""
