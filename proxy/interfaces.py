"""Which declared interface a request calls: `GET /stock/{sku}` for `GET /stock/42?warm=1`.

A name without a space is an operation of RPC, `SERVICE/METHOD` with the service as callers write it
(`com.acme.OrderService:1.0/create`), or `SERVICE/*` for every method of it.
"""

from __future__ import annotations

import re
from functools import lru_cache

OTHER = "other"
"""What is counted together because nobody declared it."""
EVERY = "*"
"""In place of a method of RPC."""
CACHE_LIMIT = 4096
"""Method and path pairs remembered; when it is full, it starts again."""

_VARIABLE = re.compile(r"\{[^{}/]*\}")


class Interfaces:
    """The interfaces of one application, as a matcher. Exact paths win over variables."""

    __slots__ = ("_cache", "_match", "_names")

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = sorted(names, key=_least_variable)
        shapes = (f"({_shape(as_request(name))})" for name in self._names)
        self._match = re.compile("|".join(shapes).encode()).fullmatch if names else None
        self._cache: dict[tuple[bytes, bytes], str] = {}

    def name_of(self, method: bytes, path: bytes) -> str:
        """The interface's name, or OTHER."""
        if self._match is None:
            return OTHER
        return self._cache.get((method, path)) or self._found(method, path)

    def _found(self, method: bytes, path: bytes) -> str:
        found = self._match(b"%b %b" % (method, path)) if self._match else None
        name = self._names[found.lastindex - 1] if found and found.lastindex else OTHER
        if len(self._cache) >= CACHE_LIMIT:
            self._cache.clear()
        self._cache[method, path] = name
        return name


@lru_cache(maxsize=1024)
def interfaces_of(names: tuple[str, ...]) -> Interfaces:
    """One matcher per list of names, however often snapshots are swapped."""
    return Interfaces(names)


def service_of(name: str) -> str:
    """The service of RPC that an interface belongs to; empty for one of HTTP."""
    return "" if " " in name else name.rpartition("/")[0]


def as_request(name: str) -> str:
    """An interface's name as the request line that calls it."""
    if " " in name or "/" not in name:
        return name
    service, _, method = name.rpartition("/")
    return f"POST /{service}/{'{any}' if method == EVERY else method}"


def _least_variable(name: str) -> tuple[int, str]:
    return len(_VARIABLE.findall(as_request(name))), name


def _shape(name: str) -> str:
    return "[^/?]+".join(re.escape(part) for part in _VARIABLE.split(name))
