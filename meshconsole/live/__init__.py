"""Browsers hear of a change after it is committed, and catch up on what they missed."""
