"""The record and the doors: every table of the mesh, and everybody's way in."""

__version__ = "0.1.0"
