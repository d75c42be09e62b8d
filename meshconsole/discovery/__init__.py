"""Intent becomes snapshots, and every sidecar gets its own."""
