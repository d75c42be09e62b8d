"""The hash that ties an audit row to the one before; pure, so that anybody can check it.

`hash = sha256(previous hash + canonical JSON of the row)`. Canonical: keys sorted, no spaces, whole
numbers written as integers, so that both databases give back what was hashed.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

START = "0" * 64


def plain(value: Any) -> Any:
    """What JSON makes of a value, with whole floats as integers."""
    return _whole(json.loads(json.dumps(value, default=str)))


def row_hash(previous: str, row: dict[str, Any]) -> str:
    """64 hex digits over the previous hash and this row."""
    canonical = json.dumps(_whole(row), sort_keys=True, separators=(",", ":"), default=_text)
    return hashlib.sha256(f"{previous}{canonical}".encode()).hexdigest()


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value)


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
