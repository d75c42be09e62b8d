"""Snapshots as a shard holds them: resources by kind and name, and the frames that carry them.

A frame depends only on (base, target, revision), so one frame serves every stream that needs it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Set

import msgspec

from proxy.contract.codec import encode
from proxy.contract.session import Push

KEPT_PER_VARIANT = 16
"""Contents a shard remembers, for each in force, as bases of differences."""
FRAGMENT_BYTES = 2 * 1024

Resources = dict[str, dict[str, bytes]]
_decoder = msgspec.json.Decoder(dict[str, dict[str, msgspec.Raw]])


class Bundle(msgspec.Struct, frozen=True):
    """One snapshot, each resource as its canonical bytes."""

    digest: str
    resources: Resources


def bundle_read(digest: str, data: bytes, like: Bundle | None = None) -> Bundle:
    """Split a rendered snapshot; resources equal to those of `like` share its bytes."""
    known = like.resources if like else {}
    resources: Resources = {}
    for kind, named in _decoder.decode(data).items():
        earlier = known.get(kind, {})
        resources[kind] = {
            name: _shared(bytes(raw), earlier.get(name)) for name, raw in named.items()
        }
    return Bundle(digest, resources)


def _shared(raw: bytes, earlier: bytes | None) -> bytes:
    return earlier if earlier == raw else raw


def push_of(bundle: Bundle, base: Bundle | None, *, v: int) -> Push:
    """The push that makes `bundle` out of `base`, or out of nothing."""
    known = base.resources if base else {}
    return Push(
        nonce=f"{v}.{bundle.digest[:12]}.{base.digest[:12] if base else 'whole'}",
        v=v,
        digest=bundle.digest,
        base=base.digest if base else None,
        set=_changed(bundle.resources, known),
        rm=tuple(
            (kind, name)
            for kind, named in sorted(known.items())
            for name in sorted(named.keys() - bundle.resources.get(kind, {}).keys())
        ),
    )


def _changed(wanted: Resources, known: Resources) -> dict[str, dict[str, msgspec.Raw]]:
    changed: dict[str, dict[str, msgspec.Raw]] = {}
    for kind, named in wanted.items():
        earlier = known.get(kind, {})
        fresh = {name: msgspec.Raw(raw) for name, raw in named.items() if earlier.get(name) != raw}
        if fresh:
            changed[kind] = fresh
    return changed


class Frame(msgspec.Struct, frozen=True):
    """An encoded push, and the nonce that its answer will carry.

    A long one is sent in fragments: whatever is handed to TLS at once stays allocated for the life
    of the connection, so one whole snapshot of 150 kB would cost every stream that much for ever.
    """

    nonce: str
    data: bytes | tuple[bytes, ...]


def frame_of(push: Push) -> Frame:
    """Encode a push once for all streams that need it."""
    data = encode(push)
    if len(data) <= FRAGMENT_BYTES:
        return Frame(push.nonce, data)
    parts = range(0, len(data), FRAGMENT_BYTES)
    return Frame(push.nonce, tuple(data[at : at + FRAGMENT_BYTES] for at in parts))


class Shelf:
    """The bundles a shard knows by digest, and the frames made of them; both bounded."""

    def __init__(self) -> None:
        self._bundles: OrderedDict[str, Bundle] = OrderedDict()
        self._frames: dict[tuple[str, str, int], Frame] = {}
        self.frames_made = 0

    def __contains__(self, digest: object) -> bool:
        return digest in self._bundles

    def get(self, digest: str | None) -> Bundle | None:
        """The bundle of this digest, if it is still known."""
        return None if digest is None else self._bundles.get(digest)

    def keep(self, digest: str, data: bytes) -> Bundle:
        """Remember a snapshot's bytes."""
        latest = next(reversed(self._bundles.values()), None)
        bundle = self._bundles.setdefault(digest, bundle_read(digest, data, latest))
        self._bundles.move_to_end(digest)
        return bundle

    def head_changed(self, digests: Set[str]) -> None:
        """Another head: its contents stay, the oldest of the others are forgotten past the bound,
        and so are the frames, which nobody new will be sent."""
        for digest in digests & self._bundles.keys():
            self._bundles.move_to_end(digest)
        while len(self._bundles) > KEPT_PER_VARIANT * max(1, len(digests)):
            self._bundles.popitem(last=False)
        self._frames.clear()

    def frame(self, bundle: Bundle, base: Bundle | None, *, v: int) -> Frame:
        """The shared frame from `base` to `bundle`."""
        key = (base.digest if base else "", bundle.digest, v)
        found = self._frames.get(key)
        if found is None:
            found = self._frames[key] = frame_of(push_of(bundle, base, v=v))
            self.frames_made += 1
        return found
