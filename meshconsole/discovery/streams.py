"""One sidecar's stream: what it has, what is on its way, and what it should get next."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Literal

import msgspec
from websockets.asyncio.server import ServerConnection

from meshconsole.core.quota import Bucket
from meshconsole.discovery.bundles import Frame, Shelf
from meshconsole.discovery.compiler import cohort_of, variant_key
from meshconsole.discovery.heads import Head
from proxy.contract.identity import InstanceIdentity, Node
from proxy.contract.session import Ack, Have, Nack

UNANSWERED_SECONDS = 30.0
"""A push without an answer for this long no longer holds back the next one."""
_PATH_LIMIT, _CODE_LIMIT, _MSG_LIMIT = 300, 40, 500

Answer = Literal["active", "again", "refused", "stray"]


class InFlight(msgspec.Struct, frozen=True):
    """A push that is not answered yet."""

    nonce: str
    digest: str
    v: int
    whole: bool
    at: float


class Refusal(msgspec.Struct, frozen=True):
    """Why a sidecar kept what it had, as the sync page shows it."""

    path: str
    code: str
    msg: str
    v: int
    digest: str


class Stream:
    """A sidecar that said hello; all of it lives in one event loop."""

    __slots__ = (
        "active", "at", "connection", "identity", "in_flight", "node", "pong", "refusal",
        "renewals", "reports", "unreceipted", "v", "variant", "whole_next",
    )  # fmt: skip

    def __init__(
        self,
        connection: ServerConnection,
        node: Node,
        identity: InstanceIdentity,
        have: Have | None,
    ) -> None:
        self.connection = connection
        self.node = msgspec.structs.replace(node, interfaces=(), caps=())
        self.identity = identity
        self.at = 0.0
        """Epoch seconds of the last push or answer."""
        self.variant = variant_key(app=node.app, unit=node.unit, cohort=cohort_of(node.caps))
        self.active = have.digest if have else None
        self.v = have.v if have else 0
        self.in_flight: InFlight | None = None
        self.refusal: Refusal | None = None
        self.whole_next = False
        self.reports: Bucket | None = None
        self.renewals: Bucket | None = None
        self.unreceipted: dict[int, int] | None = None
        self.pong: Awaitable[object] | None = None

    def next_frame(self, head: Head, shelf: Shelf, now: float) -> Frame | None:
        """The push to send now, noted as in flight; None when there is nothing to say.

        At most one push is unanswered, so revisions in between are skipped, not queued.
        """
        wanted = head.variants.get(self.variant)
        if wanted is None or self._is_waiting(now):
            return None
        if wanted == self.active:
            self.v = max(self.v, head.v)
            self.refusal = None
            return None
        if self.refusal is not None and self.refusal.digest == wanted:
            return None
        bundle = shelf.get(wanted)
        if bundle is None:
            return None
        base = None if self.whole_next else shelf.get(self.active)
        frame = shelf.frame(bundle, base, v=head.v)
        self.in_flight = InFlight(frame.nonce, wanted, head.v, base is None, now)
        return frame

    def acked(self, ack: Ack) -> Answer:
        """Take an answer: the snapshot is active."""
        push = self.in_flight
        if push is None or ack.nonce != push.nonce or ack.digest != push.digest:
            return "stray"
        if ack.state == "active":
            self.in_flight = None
            self.active, self.v = push.digest, push.v
            self.refusal = None
            self.whole_next = False
        return "active"

    def nacked(self, nack: Nack) -> Answer:
        """Take a refusal; a difference that did not fit is sent whole, anything else is kept."""
        push = self.in_flight
        if push is None or nack.nonce != push.nonce:
            return "stray"
        self.in_flight = None
        if not push.whole and nack.code in ("base", "digest"):
            self.whole_next = True
            return "again"
        self.refusal = Refusal(
            path=nack.path[:_PATH_LIMIT],
            code=nack.code[:_CODE_LIMIT],
            msg=nack.msg[:_MSG_LIMIT],
            v=push.v,
            digest=push.digest,
        )
        return "refused"

    def sync_row(self, *, shard: str) -> bytes:
        """What the console reads of this stream."""
        refusal = self.refusal
        return msgspec.json.encode(
            {
                "v": self.v,
                "digest": self.active or "",
                "state": self._state(),
                "variant": self.variant,
                "nack": refusal
                and {
                    "path": refusal.path,
                    "code": refusal.code,
                    "msg": refusal.msg,
                    "v": refusal.v,
                },
                "at": self.at,
                "shard": shard,
                "addr": self.node.addr,
                "boot": self.node.boot_id,
            }
        )

    def _state(self) -> str:
        if self.in_flight is not None:
            return "pushed"
        if self.refusal is not None:
            return "nacked"
        return "pushed" if self.active is None else "active"

    def _is_waiting(self, now: float) -> bool:
        push = self.in_flight
        return push is not None and now - push.at < UNANSWERED_SECONDS
