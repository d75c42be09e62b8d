"""The names of what discovery keeps in Redis; all of it can be rebuilt."""

from __future__ import annotations

from meshconsole.inventory.sync import HEAD, LEASES, SYNC

SINCE = "mesh:since"
"""Epoch seconds since when this Redis has held leases; gone when Redis came back empty."""
SHARDS = "mesh:shards"
"""HASH: shard id -> JSON of its counters."""


def snapshot_key(digest: str) -> str:
    """Where the bytes of a snapshot lie."""
    return f"mesh:snap:{digest}"


__all__ = ["HEAD", "LEASES", "SHARDS", "SINCE", "SYNC", "snapshot_key"]
