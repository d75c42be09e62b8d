"""What a stream gets next: one push at a time, never the refused one again."""

from __future__ import annotations

import json
from typing import cast

import msgspec
from websockets.asyncio.server import ServerConnection

from meshconsole.discovery.bundles import Shelf
from meshconsole.discovery.heads import Head
from meshconsole.discovery.streams import UNANSWERED_SECONDS, Stream
from proxy.contract.identity import InstanceIdentity, Node
from proxy.contract.session import Ack, Have, Nack
from proxy.contract.snapshot import KINDS

NODE = Node(
    id="order-1", app="order", unit="unit1", group="g", addr="h:1", boot_id="b",
    interfaces=("GET /order/{id}",), caps=tuple(sorted(KINDS)),
)  # fmt: skip
VARIANT = "order/unit1/stable"


def a_stream(have: Have | None = None, node: Node = NODE) -> Stream:
    identity = InstanceIdentity(
        trust_domain="mesh.local", unit="unit1", app="order", instance="order-1"
    )
    return Stream(cast("ServerConnection", None), node, identity, have)


def a_shelf(*digests: str) -> Shelf:
    shelf = Shelf()
    for at, digest in enumerate(digests):
        shelf.keep(digest, b'{"service":{"a":%d}}' % at)
    return shelf


def a_head(digest: str, v: int = 1) -> Head:
    return Head(v=v, fence=1, variants={VARIANT: digest})


def ack(stream: Stream) -> None:
    push = stream.in_flight
    assert push is not None
    said = Ack(nonce=push.nonce, v=push.v, digest=push.digest, state="active")
    assert stream.acked(said) == "active"


def nack(stream: Stream, code: str) -> str:
    push = stream.in_flight
    assert push is not None
    return stream.nacked(
        Nack(nonce=push.nonce, v_kept=0, path="/route/x", code=code, msg="m" * 1000)
    )


def test_the_first_push_is_whole_and_the_next_a_difference() -> None:
    stream, shelf = a_stream(), a_shelf("d1", "d2")
    frame = stream.next_frame(a_head("d1"), shelf, 0.0)
    assert frame is not None
    assert frame.nonce.endswith("whole")
    ack(stream)
    later = stream.next_frame(a_head("d2", 2), shelf, 0.0)
    assert later is not None
    assert later.nonce.endswith("d1")


def test_one_push_at_a_time() -> None:
    stream, shelf = a_stream(), a_shelf("d1", "d2")
    assert stream.next_frame(a_head("d1"), shelf, 0.0) is not None
    assert stream.next_frame(a_head("d2", 2), shelf, 1.0) is None
    assert stream.next_frame(a_head("d2", 2), shelf, UNANSWERED_SECONDS) is not None


def test_what_is_held_already_is_not_sent_and_its_revision_moves_on() -> None:
    stream = a_stream(Have(3, "d1"))
    assert stream.next_frame(a_head("d1", 9), a_shelf("d1"), 0.0) is None
    assert stream.v == 9


def test_a_snapshot_that_is_not_loaded_yet_waits() -> None:
    assert a_stream().next_frame(a_head("d1"), a_shelf(), 0.0) is None


def test_a_variant_that_nobody_compiled_gets_nothing() -> None:
    head = Head(v=1, fence=1, variants={"stock/unit1/stable": "d1"})
    assert a_stream().next_frame(head, a_shelf("d1"), 0.0) is None


def test_an_unknown_base_means_the_whole() -> None:
    frame = a_stream(Have(1, "other")).next_frame(a_head("d1"), a_shelf("d1"), 0.0)
    assert frame is not None
    assert frame.nonce.endswith("whole")


def test_a_difference_that_does_not_fit_is_followed_by_the_whole_once() -> None:
    stream, shelf = a_stream(Have(1, "d1")), a_shelf("d1", "d2")
    stream.next_frame(a_head("d2"), shelf, 0.0)
    assert nack(stream, "base") == "again"
    frame = stream.next_frame(a_head("d2"), shelf, 0.0)
    assert frame is not None
    assert frame.nonce.endswith("whole")
    assert nack(stream, "digest") == "refused"
    assert stream.next_frame(a_head("d2"), shelf, 0.0) is None


def test_a_refused_snapshot_is_not_sent_again_but_the_next_is() -> None:
    stream, shelf = a_stream(Have(1, "d1")), a_shelf("d1", "d2", "d3")
    stream.next_frame(a_head("d2", 2), shelf, 0.0)
    assert nack(stream, "inconsistent") == "refused"
    row = json.loads(stream.sync_row(shard="s"))
    assert (row["state"], row["digest"], row["nack"]["v"]) == ("nacked", "d1", 2)
    assert len(row["nack"]["msg"]) == 500
    assert stream.next_frame(a_head("d2", 3), shelf, 99.0) is None
    assert stream.next_frame(a_head("d3", 4), shelf, 99.0) is not None
    ack(stream)
    assert json.loads(stream.sync_row(shard="s"))["nack"] is None


def test_an_answer_to_no_question_changes_nothing() -> None:
    stream = a_stream(Have(1, "d1"))
    assert stream.acked(Ack(nonce="x", v=9, digest="d9", state="active")) == "stray"
    assert stream.nacked(Nack(nonce="x", v_kept=1, path="/", code="base", msg="")) == "stray"
    assert stream.active == "d1"


def test_staged_is_not_active() -> None:
    stream, shelf = a_stream(), a_shelf("d1")
    stream.next_frame(a_head("d1"), shelf, 0.0)
    push = stream.in_flight
    assert push is not None
    stream.acked(Ack(nonce=push.nonce, v=push.v, digest=push.digest, state="staged"))
    assert (stream.active, stream.in_flight) == (None, push)


def test_a_sidecar_without_a_snapshot_is_not_called_active() -> None:
    assert json.loads(a_stream().sync_row(shard="s"))["state"] == "pushed"


def test_a_stream_does_not_keep_what_was_only_for_the_registration() -> None:
    assert a_stream().node.interfaces == ()


def test_a_sidecar_that_does_not_know_encryption_waits_for_a_variant_of_its_own() -> None:
    old = a_stream(node=msgspec.structs.replace(NODE, caps=("route", "service")))
    assert old.variant == "order/unit1/plain"
