"""One compilation from facts to bytes, with what must keep its earlier content."""

from __future__ import annotations

import msgspec

from meshconsole.discovery.compiler import Rendering, compile_revision, compile_variants, render
from meshconsole.discovery.facts import facts_read
from meshconsole.discovery.heads import Head
from meshconsole.discovery.leases import Leased
from meshconsole.discovery.lint import Finding, faults, lint

FINDINGS_LIMIT = 200
"""Findings that a head carries; whoever has more has enough to begin with."""


class Compiled(msgspec.Struct, frozen=True):
    """One compilation: its head, the bytes of every snapshot in it, and who lives by a lease."""

    head: Head
    snapshots: dict[str, bytes]
    leased: dict[str, Leased]


def compile_now(previous: Compiled | None, fence: int, now: float) -> Compiled:
    """Read facts and compile them; a variant with faults keeps its earlier content."""
    reading = facts_read()
    ir = compile_revision(reading.facts)
    renderings: dict[int, tuple[Rendering, list[Finding]]] = {}
    variants: dict[str, str] = {}
    snapshots: dict[str, bytes] = {}
    findings = dict.fromkeys(lint(reading.facts, ir))
    blocked: list[str] = []
    for key, snapshot in compile_variants(ir).items():
        if id(snapshot) not in renderings:
            rendered = render(snapshot)
            renderings[id(snapshot)] = (rendered, faults(snapshot, rendered))
        rendering, found = renderings[id(snapshot)]
        findings.update(dict.fromkeys(found))
        digest, data = rendering.digest, rendering.data
        if found:
            blocked.append(key)
            kept = _kept(previous, key)
            if kept is None:
                continue
            digest, data = kept
        variants[key] = digest
        snapshots[digest] = data
    head = Head(
        v=ir.v,
        fence=fence,
        variants=variants,
        findings=tuple(findings)[:FINDINGS_LIMIT],
        blocked=tuple(blocked),
        at=now,
    )
    return Compiled(head, snapshots, reading.leased)


def _kept(previous: Compiled | None, key: str) -> tuple[str, bytes] | None:
    if previous is None:
        return None
    digest = previous.head.variants.get(key, "")
    data = previous.snapshots.get(digest)
    return None if data is None else (digest, data)
