"""Tells people outside of the console: each notice is a row, each attempt bounded and on record."""
