"""Waves, gates and rollback of any capability's change; nothing is rolled out by waves yet."""
