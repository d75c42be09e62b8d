"""Link encryption in the sidecar: its certificate, and the contexts made of it."""
