"""Frames to messages and back: validated, bounded, tolerant of fields it does not know."""

from __future__ import annotations

import msgspec

from proxy.contract.session import FRAME_LIMIT_BYTES, FromConsole, FromSidecar
from proxy.contract.snapshot import KINDS, Snapshot


class InvalidFrame(ValueError):
    """A frame is not a message of this contract."""


_encoder = msgspec.json.Encoder()
_from_sidecar: msgspec.json.Decoder[FromSidecar] = msgspec.json.Decoder(FromSidecar)
_from_console: msgspec.json.Decoder[FromConsole] = msgspec.json.Decoder(FromConsole)
_snapshot = msgspec.json.Decoder(Snapshot)
_resources: dict[str, msgspec.json.Decoder[msgspec.Struct]] = {
    kind: msgspec.json.Decoder(shape) for kind, shape in KINDS.items()
}


def encode(message: msgspec.Struct) -> bytes:
    """A message as one JSON text frame."""
    return _encoder.encode(message)


def decode_from_sidecar(frame: bytes | str) -> FromSidecar:
    """Read what a sidecar sent; raises InvalidFrame with the place of the fault."""
    _check_size(frame)
    try:
        return _from_sidecar.decode(frame)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidFrame(_sentence(error)) from None


def decode_from_console(frame: bytes | str) -> FromConsole:
    """Read what the console sent; raises InvalidFrame with the place of the fault."""
    _check_size(frame)
    try:
        return _from_console.decode(frame)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidFrame(_sentence(error)) from None


def decode_resource(kind: str, raw: bytes) -> msgspec.Struct:
    """Read one resource of a push; raises InvalidFrame for an unknown kind or a wrong shape."""
    decoder = _resources.get(kind)
    if decoder is None:
        raise InvalidFrame(
            f"Unknown kind of resource {kind!r}: this sidecar knows {sorted(KINDS)}."
        )
    try:
        return decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidFrame(_sentence(error)) from None


def decode_snapshot(raw: bytes) -> Snapshot:
    """Read a whole snapshot, as kept on disk; raises InvalidFrame."""
    try:
        return _snapshot.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidFrame(_sentence(error)) from None


def _check_size(frame: bytes | str) -> None:
    if len(frame) > FRAME_LIMIT_BYTES:
        raise InvalidFrame(f"The frame has {len(frame)} bytes; {FRAME_LIMIT_BYTES} are allowed.")


def _sentence(error: Exception) -> str:
    return f"The frame is not a message of this contract: {error}."
