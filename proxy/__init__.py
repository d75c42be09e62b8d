"""The sidecar: the mesh's enforcement point, beside every instance."""
