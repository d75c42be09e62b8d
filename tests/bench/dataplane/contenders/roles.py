"""What a contender may be asked to be, and what it answers: a command line and its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from tests.bench.dataplane.certificates import Certificates

Role = Literal["plain", "outbound", "inbound", "tcp", "http2"]
"""`plain`: HTTP/1.1 in and out. `outbound`: plaintext in, mutual TLS out; `inbound`: the reverse.
`tcp`: bytes. `http2`: prior knowledge in and out."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a contender works."""

    folder: Path
    """For its files; every name in it should begin with `name`."""
    name: str
    port: int
    """Where it listens, on loopback."""
    to: int
    """Where it sends to, on loopback."""
    spare: int
    """A free port for what it shows of itself."""
    certificates: Certificates


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A contender in one role, ready to be started."""

    argv: list[str]
    files: dict[str, str] = {}
    """By name in the folder."""


Contender = Callable[[Role, Place], Written]
