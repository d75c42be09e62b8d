"""An identity on its way to the process that takes over: bytes, for memory only."""

from __future__ import annotations

import msgspec


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """A certified key in PEM; it must not be shown or written."""

    key: bytes
    chain: bytes
    roots: bytes

    def __repr__(self) -> str:
        return "<Carried identity>"
