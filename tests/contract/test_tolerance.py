"""What a newer peer may add, and what nobody may send."""

from __future__ import annotations

import msgspec
import pytest

from proxy.contract import codec
from proxy.contract.digest import canonical
from proxy.contract.session import FRAME_LIMIT_BYTES
from tests.contract.examples import FROM_CONSOLE, FROM_SIDECAR, SNAPSHOT, UPSTREAM_SNAPSHOT

DECODE = {"sidecar": codec.decode_from_sidecar, "console": codec.decode_from_console}
ALL = [
    *(("sidecar", name, one) for name, one in FROM_SIDECAR.items()),
    *(("console", name, one) for name, one in FROM_CONSOLE.items()),
]
IDS = [f"{side}-{name}" for side, name, _ in ALL]


@pytest.mark.parametrize(("side", "name", "message"), ALL, ids=IDS)
def test_an_unknown_field_is_ignored(side: str, name: str, message: msgspec.Struct) -> None:
    fields = msgspec.json.decode(codec.encode(message)) | {"later": {"deep": [1]}}
    assert canonical(DECODE[side](msgspec.json.encode(fields))) == canonical(message)


@pytest.mark.parametrize(("side", "name", "message"), ALL, ids=IDS)
def test_a_missing_field_that_has_no_default_is_refused_with_its_name(
    side: str, name: str, message: msgspec.Struct
) -> None:
    required = [field.encode_name for field in msgspec.structs.fields(message) if field.required]
    for field in required:
        fields = msgspec.json.decode(codec.encode(message))
        del fields[field]
        with pytest.raises(codec.InvalidFrame, match=field):
            DECODE[side](msgspec.json.encode(fields))


@pytest.mark.parametrize("name", ["service", "route"])
def test_an_unknown_field_of_a_resource_is_ignored(name: str) -> None:
    resource = getattr(SNAPSHOT, name)["stock"]
    fields = msgspec.json.decode(canonical(resource)) | {"later": True}
    assert codec.decode_resource(name, msgspec.json.encode(fields)) == resource


def test_an_older_sidecar_reads_what_it_knows_of_a_newer_service() -> None:
    class Older(msgspec.Struct):
        """A service as a sidecar knew it that had no balancers by hash and no retries to set."""

        name: str
        balancer: str = "round_robin"

    newer = canonical(UPSTREAM_SNAPSHOT.service["cash"])
    assert msgspec.json.decode(newer, type=Older).name == "cash"


def test_a_word_that_is_not_known_is_refused_and_named() -> None:
    with pytest.raises(codec.InvalidFrame, match="balancer"):
        codec.decode_resource("service", b'{"name":"s","balancer":"by_the_moon"}')


def test_an_unknown_kind_of_resource_is_refused() -> None:
    with pytest.raises(codec.InvalidFrame, match="Unknown kind"):
        codec.decode_resource("weather", b"{}")


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"7",
        b"{}",
        b'{"type":"weather"}',
        b'{"type":"ack","nonce":1}',
        b'{"type":"receipt","seq":"7"}',
        b'{"type":"receipt","seq":1e400}',
        b'{"type":"receipt","seq":NaN}',
        b'{"type":"bye","reason":"\xff"}',
        b'{"type":"bye","reason":"\\ud800"}',
        b'{"type":"bye","retry_after_ms":99999999999999999999999999}',
        b'{"type":"receipt","seq":-1}',
        b'{"type":"report","seq":1,"window_start":1e300,"window_end":1}',
        b"[" * 1_000_000,
        b'{"a":' * 100_000,
    ],
)
@pytest.mark.parametrize("side", ["sidecar", "console"])
def test_a_poisoned_frame_is_one_sentence_and_no_crash(side: str, frame: bytes) -> None:
    with pytest.raises(codec.InvalidFrame, match="not a message of this contract"):
        DECODE[side](frame)


@pytest.mark.parametrize("side", ["sidecar", "console"])
def test_a_frame_over_four_megabytes_is_not_even_parsed(side: str) -> None:
    with pytest.raises(codec.InvalidFrame, match="are allowed"):
        DECODE[side](b'{"type":"bye","reason":"' + b"x" * FRAME_LIMIT_BYTES + b'"}')


def test_a_sidecar_cannot_speak_as_the_console_nor_the_console_as_a_sidecar() -> None:
    for name in set(FROM_SIDECAR) - set(FROM_CONSOLE):
        with pytest.raises(codec.InvalidFrame):
            codec.decode_from_console(codec.encode(FROM_SIDECAR[name]))
    for name in set(FROM_CONSOLE) - set(FROM_SIDECAR):
        with pytest.raises(codec.InvalidFrame):
            codec.decode_from_sidecar(codec.encode(FROM_CONSOLE[name]))
