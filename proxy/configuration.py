"""What a push makes of the configuration in force: all of it, or nothing and a reason.

Validate all -> stage -> swap. This file is the first two, without socket, disk or clock: `applied`
answers a complete new configuration or the refusal to send back. The caller swaps with one
assignment, so no request ever sees half of a push.

The order of the questions decides what the console may conclude. First "do I speak this version",
"is it newer", "have I its base"; then "are these the bytes that were meant" (the digest); only then
"do they make sense". So `inconsistent` always speaks of the intent, never of the transport.
"""

from __future__ import annotations

from typing import cast

import msgspec

from proxy.contract import codec
from proxy.contract.check import check
from proxy.contract.digest import canonical_raw, digest_of_parts
from proxy.contract.session import PROTO, Push
from proxy.contract.snapshot import (
    KINDS,
    HealingTerms,
    Inbound,
    Route,
    Service,
    Snapshot,
    Trust,
)

Parts = dict[str, dict[str, bytes]]
_SENTENCE_LIMIT = 500


class Held(msgspec.Struct, frozen=True):
    """A configuration that may be in force: as structs for the relay, as bytes for the digest."""

    v: int
    digest: str
    snapshot: Snapshot
    parts: Parts


class Refusal(msgspec.Struct, frozen=True):
    """Why a push is not applied: place (JSON pointer), stable code, and a sentence."""

    path: str
    code: str
    msg: str


class _Refused(Exception):
    def __init__(self, path: str, code: str, msg: str) -> None:
        super().__init__(msg)
        self.refusal = Refusal(path[:_SENTENCE_LIMIT], code, msg[:_SENTENCE_LIMIT])


def applied(push: Push, held: Held | None) -> Held | Refusal:
    """The configuration after `push`, or why the one held stays in force."""
    try:
        _check_place(push, held)
        return _built(push, held)
    except _Refused as refused:
        return refused.refusal


def whole(held: Held) -> Push:
    """The same configuration as one whole push: how it is kept on disk."""
    raw = {
        kind: {name: msgspec.Raw(part) for name, part in named.items()}
        for kind, named in held.parts.items()
    }
    return Push(nonce="", v=held.v, digest=held.digest, set=raw)


def _check_place(push: Push, held: Held | None) -> None:
    if push.proto != PROTO:
        raise _Refused(
            "/proto", "proto", f"This sidecar speaks version {PROTO}, not {push.proto}: upgrade it."
        )
    if held is not None and push.v < held.v:
        raise _Refused(
            "/v", "older", f"Revision {held.v} is in force; {push.v} is older and is not applied."
        )
    if push.base is not None and (held is None or held.digest != push.base):
        raise _Refused(
            "/base", "base", "This sidecar does not hold the base of the difference: send it whole."
        )


def _built(push: Push, held: Held | None) -> Held:
    parts: Parts = {kind: {} for kind in KINDS}
    structs: dict[str, dict[str, msgspec.Struct]] = {kind: {} for kind in KINDS}
    if push.base is not None and held is not None:
        parts = {kind: dict(held.parts.get(kind, {})) for kind in KINDS}
        structs = {kind: dict(getattr(held.snapshot, kind)) for kind in KINDS}
    for kind, name in push.rm:
        _known(kind, f"/rm/{kind}/{name}")
        parts[kind].pop(name, None)
        structs[kind].pop(name, None)
    for kind, named in push.set.items():
        _known(kind, f"/set/{kind}")
        for name, raw in named.items():
            structs[kind][name], parts[kind][name] = _resource(kind, name, bytes(raw))
    return _checked(push, parts, structs)


def _checked(push: Push, parts: Parts, structs: dict[str, dict[str, msgspec.Struct]]) -> Held:
    digest = digest_of_parts(parts)
    if digest != push.digest:
        raise _Refused(
            "/digest",
            "digest",
            f"The push says {push.digest[:16]}, its content is {digest[:16]}: send it whole.",
        )
    snapshot = Snapshot(
        service=cast("dict[str, Service]", structs["service"]),
        route=cast("dict[str, Route]", structs["route"]),
        inbound=cast("dict[str, Inbound]", structs["inbound"]),
        trust=cast("dict[str, Trust]", structs["trust"]),
        healing=cast("dict[str, HealingTerms]", structs["healing"]),
    )
    faults = check(snapshot)
    if faults:
        more = f" ({len(faults) - 1} more like it.)" if len(faults) > 1 else ""
        raise _Refused(faults[0].path, "inconsistent", faults[0].msg + more)
    return Held(v=push.v, digest=digest, snapshot=snapshot, parts=parts)


def _known(kind: str, path: str) -> None:
    if kind not in KINDS:
        raise _Refused(
            path,
            "invalid",
            f"Unknown kind of resource {kind!r}: this sidecar knows {sorted(KINDS)}.",
        )


def _resource(kind: str, name: str, raw: bytes) -> tuple[msgspec.Struct, bytes]:
    try:
        return codec.decode_resource(kind, raw), canonical_raw(raw)
    except (codec.InvalidFrame, msgspec.MsgspecError, RecursionError) as error:
        raise _Refused(f"/set/{kind}/{name}", "invalid", str(error)) from None
