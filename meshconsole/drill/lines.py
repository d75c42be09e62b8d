"""Who calls in a drill: so many connections of each protocol, in plaintext and encrypted."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path

import msgspec

from meshconsole.drill.callers import Line
from meshconsole.drill.certificates import client
from meshconsole.drill.spoken import bolt, http1, http2, tcp

PROTOCOLS = ("h1", "h2", "bolt", "tcp")
IDLERS = 8
_MAKERS = {"h1": http1.Caller, "h2": http2.Caller, "bolt": bolt.Caller, "tcp": tcp.Caller}
_ALPN = {"h1": "http/1.1", "h2": "h2"}
_SHARES = {"h1": 0.36, "h2": 0.14, "bolt": 0.06, "tcp": 0.08}
"""Connections of all, in plaintext: those that carry many requests at once are fewer."""
_SLOW = {"h1": 0.2, "h2": 0.05}
_ENCRYPTED = {"h1": 0.2, "h2": 0.08}


Papers = tuple[Path, Path, Path]
"""Certificate, key and authority."""


class Ports(msgspec.Struct, frozen=True):
    """Where callers dial."""

    plain: int
    tcp: int
    tls: int = 0
    """0 is nowhere."""


def lines(
    protocols: Sequence[str], concurrency: int, ports: Ports, papers: Papers | None
) -> list[Line]:
    """Callers of these protocols; one alone has every connection."""
    alone = len(protocols) == 1 and papers is None
    made = []
    for name in protocols:
        made.append(
            Line(
                name=name,
                port=ports.tcp if name == "tcp" else ports.plain,
                make=_MAKERS[name],
                connections=concurrency if alone else _some(_SHARES[name], concurrency),
                idlers=IDLERS if name == "h1" else 0,
            )
        )
        if papers is not None and name in _ENCRYPTED:
            made.append(
                Line(
                    name=f"{name} tls",
                    port=ports.tls,
                    make=_MAKERS[name],
                    connections=_some(_ENCRYPTED[name], concurrency),
                    idlers=IDLERS // 4 if name == "h1" else 0,
                    tls=_dialled_with(papers, _ALPN[name]),
                )
            )
    return made


def slow_lines(protocols: Sequence[str], concurrency: int, ports: Ports) -> list[Line]:
    """Callers who wait three seconds for each answer."""
    makers = {"h1": http1.SlowCaller, "h2": http2.SlowCaller}
    return [
        Line(
            name=f"{name} slow",
            port=ports.plain,
            make=makers[name],
            connections=_some(_SLOW[name], concurrency),
        )
        for name in protocols
        if name in makers
    ]


def _dialled_with(papers: Papers, alpn: str) -> ssl.SSLContext:
    context = client(papers)
    context.set_alpn_protocols([alpn])
    return context


def _some(share: float, of: int) -> int:
    return max(1, round(share * of))
