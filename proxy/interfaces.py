"""Which declared interface a request calls: `GET /stock/{sku}` for `GET /stock/42?warm=1`."""

from __future__ import annotations

import re
from functools import lru_cache

OTHER = "other"
"""What is counted together because nobody declared it."""
CACHE_LIMIT = 4096
"""Method and path pairs remembered; when it is full, it starts again."""

_VARIABLE = re.compile(r"\{[^{}/]*\}")


class Interfaces:
    """The interfaces of one application, as a matcher. Exact paths win over variables."""

    __slots__ = ("_cache", "_match", "_names")

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = sorted(names, key=lambda name: (len(_VARIABLE.findall(name)), name))
        shapes = (f"({_shape(name)})" for name in self._names)
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


def _shape(name: str) -> str:
    return "[^/?]+".join(re.escape(part) for part in _VARIABLE.split(name))
