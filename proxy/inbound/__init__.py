"""The inbound side of a sidecar: who is let in, by which proof, and what becomes of the others."""
