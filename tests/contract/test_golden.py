"""Yesterday's bytes still mean the same: every message against a file that is never rewritten.

A golden file may be added with a new message or field; one that exists is changed only with a new
major version, for sidecars in the field go on saying what it says.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from proxy.contract import codec
from proxy.contract.digest import canonical, digest_of
from proxy.contract.session import FromConsole, FromSidecar
from proxy.contract.snapshot import Service, Snapshot
from tests.contract.examples import FROM_CONSOLE, FROM_SIDECAR, SNAPSHOTS

GOLDEN = Path(__file__).parent / "golden"
CASES = [
    *((f"sidecar-{name}", one, codec.decode_from_sidecar) for name, one in FROM_SIDECAR.items()),
    *((f"console-{name}", one, codec.decode_from_console) for name, one in FROM_CONSOLE.items()),
]


@pytest.mark.parametrize(("name", "message", "decode"), CASES, ids=[case[0] for case in CASES])
def test_each_message_is_written_and_read_as_in_its_file(
    name: str, message: msgspec.Struct, decode: object
) -> None:
    file = GOLDEN / f"{name}.json"
    golden = file.read_bytes().rstrip(b"\n")
    assert codec.encode(message) == golden
    assert callable(decode)
    assert canonical(decode(golden)) == canonical(message)


def test_every_message_has_its_file_and_every_file_its_message() -> None:
    assert {file.stem for file in GOLDEN.glob("*.json")} == {
        *SNAPSHOTS,
        *(name for name, _, _ in CASES),
    }
    told = {type(one) for one in (*FROM_SIDECAR.values(), *FROM_CONSOLE.values())}
    assert told == {*FromSidecar.__args__, *FromConsole.__args__}


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_each_snapshot_and_its_digest_are_as_in_the_file(name: str) -> None:
    golden = (GOLDEN / f"{name}.json").read_bytes().rstrip(b"\n")
    snapshot = SNAPSHOTS[name]
    assert canonical(snapshot) == golden
    assert codec.decode_snapshot(golden) == snapshot
    assert digest_of(snapshot) == (GOLDEN / f"{name}.sha256").read_text().strip()


def test_a_field_that_is_left_at_its_default_is_not_in_the_digest() -> None:
    plain = Snapshot(service={"s": Service(name="s")})
    said = Snapshot(service={"s": Service(name="s", retries=2, locality="any", hash_on="")})
    assert canonical(plain) == b'{"service":{"s":{"name":"s"}}}'
    assert digest_of(said) == digest_of(plain)
