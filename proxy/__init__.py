"""The sidecar: the mesh's enforcement point, beside every instance."""

__version__ = "0.1.0"
