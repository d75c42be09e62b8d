"""What a consistent hash keeps together: the part of a request that a service names."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import blake2b

from proxy.http1.heads import Request

Key = Callable[[Request], bytes | None]


def key_of(hash_on: str, caller: bytes = b"") -> Key:
    """How to find the key that `hash_on` names (`proxy.contract.snapshot.Service`); None when a
    request does not have it."""
    kind, _, name = hash_on.partition(":")
    if kind == "header":
        needle = b"\r\n%b:" % name.lower().encode()
        return lambda request: request.after(needle)
    if kind == "cookie":
        pattern = re.compile(rb"(?:^|;)[ \t]*" + re.escape(name.encode()) + rb"=([^;]*)")
        return lambda request: _cookie(request, pattern)
    if kind == "path":
        return lambda request: request.path
    if kind == "caller":
        return lambda _request: caller or None
    return no_key


def no_key(_request: Request) -> bytes | None:
    """Each request is its own; one function for all the services that hash on nothing."""
    return None


def place_of(key: bytes) -> int:
    """A key as a number of 64 bits; the same in every sidecar."""
    return int.from_bytes(blake2b(key, digest_size=8).digest(), "big")


def _cookie(request: Request, pattern: re.Pattern[bytes]) -> bytes | None:
    found = pattern.search(request.after(b"\r\ncookie:") or b"")
    return found[1] if found else None
