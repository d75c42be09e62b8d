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
from tests.contract.examples import FROM_CONSOLE, FROM_SIDECAR, SNAPSHOT

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
        "snapshot",
        *(name for name, _, _ in CASES),
    }
    told = {type(one) for one in (*FROM_SIDECAR.values(), *FROM_CONSOLE.values())}
    assert told == {*FromSidecar.__args__, *FromConsole.__args__}


def test_the_snapshot_and_its_digest_are_as_in_the_file() -> None:
    golden = (GOLDEN / "snapshot.json").read_bytes().rstrip(b"\n")
    assert canonical(SNAPSHOT) == golden
    assert codec.decode_snapshot(golden) == SNAPSHOT
    assert digest_of(SNAPSHOT) == (GOLDEN / "snapshot.sha256").read_text().strip()
