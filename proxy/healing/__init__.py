"""Detect: notice a failing upstream and report it; the console records, the healer acts."""
