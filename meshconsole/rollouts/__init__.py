"""Waves, gates and rollback of any capability's change."""
