"""A push carries what changed, is made once, and is forgotten with its head."""

from __future__ import annotations

import msgspec

from meshconsole.discovery.bundles import (
    FRAGMENT_BYTES,
    KEPT_PER_VARIANT,
    Bundle,
    Shelf,
    bundle_read,
    frame_of,
    push_of,
)
from proxy.contract.codec import decode_from_console
from proxy.contract.session import Push


def a_bundle(digest: str, **services: str) -> Bundle:
    resources = {name: f'"{text}"'.encode() for name, text in services.items()}
    return Bundle(digest, {"service": resources})


def test_without_a_base_everything_is_sent() -> None:
    push = push_of(a_bundle("d1", a="1", b="2"), None, v=4)
    assert (push.base, push.v, push.digest) == (None, 4, "d1")
    assert {name: bytes(raw) for name, raw in push.set["service"].items()} == {
        "a": b'"1"',
        "b": b'"2"',
    }


def test_a_difference_has_what_is_new_other_and_gone() -> None:
    push = push_of(a_bundle("d2", a="1", b="3", d="4"), a_bundle("d1", a="1", b="2", c="3"), v=5)
    assert push.base == "d1"
    assert sorted(push.set["service"]) == ["b", "d"]
    assert push.rm == (("service", "c"),)


def test_a_difference_to_the_same_is_empty() -> None:
    push = push_of(a_bundle("d2", a="1"), a_bundle("d1", a="1"), v=5)
    assert (push.set, push.rm) == ({}, ())


def test_one_frame_serves_every_stream_that_needs_it() -> None:
    shelf = Shelf()
    old, new = shelf.keep("d1", b'{"service":{"a":1}}'), shelf.keep("d2", b'{"service":{"a":2}}')
    frames = {id(shelf.frame(new, old, v=2)) for _ in range(1000)}
    assert len(frames) == 1
    assert shelf.frames_made == 1
    assert shelf.frame(new, None, v=2).nonce != shelf.frame(new, old, v=2).nonce


def test_equal_resources_of_two_snapshots_share_their_bytes() -> None:
    first = bundle_read("d1", b'{"service":{"a":{"name":"a"},"b":1}}')
    second = bundle_read("d2", b'{"service":{"a":{"name":"a"},"b":2}}', first)
    assert second.resources["service"]["a"] is first.resources["service"]["a"]


def test_a_long_frame_is_cut_and_means_the_same() -> None:
    push = push_of(a_bundle("d1", a="x" * 3 * FRAGMENT_BYTES), None, v=1)
    frame = frame_of(push)
    assert isinstance(frame.data, tuple)
    assert max(map(len, frame.data)) <= FRAGMENT_BYTES
    again = decode_from_console(b"".join(frame.data))
    assert isinstance(again, Push)
    assert msgspec.json.encode(again) == msgspec.json.encode(push)


def test_a_shelf_keeps_what_is_in_force_and_a_bounded_past() -> None:
    shelf = Shelf()
    for number in range(100):
        shelf.keep(f"d{number}", b'{"service":{"a":%d}}' % number)
        shelf.head_changed({"d0", f"d{number}"})
    assert shelf.get("d0") is not None
    assert shelf.get("d99") is not None
    assert shelf.get("d1") is None
    assert sum(f"d{number}" in shelf for number in range(100)) <= 2 * KEPT_PER_VARIANT
