"""A snapshot file is put in force whole or not at all, and says each fault with its place."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from proxy.contract.snapshot import Endpoint, Route, Rule, Service, Share, Snapshot
from proxy.current import Current
from proxy.snapshot_file import FAULTS_SAID, InvalidSnapshot, SnapshotFile, checked

HERE = Path("mesh.json")


def _snapshot(*names: str, percent: float = 100.0, group: str = "g") -> Snapshot:
    endpoint = Endpoint(id="a", addr="127.0.0.1:1", group="g", unit="u")
    rule = Rule(id="r", split=(Share(group=group, percent=percent),))
    return Snapshot(
        service={n: Service(name=n, endpoints=(endpoint,), groups=("g",)) for n in names},
        route={n: Route(name=n, version=1, rules=(rule,)) for n in names},
    )


def _faults(raw: bytes) -> str:
    with pytest.raises(InvalidSnapshot) as refused:
        checked(HERE, raw)
    assert str(refused.value).startswith("mesh.json cannot be put in force: ")
    return str(refused.value)


def test_each_change_of_the_file_is_a_revision(tmp_path: Path) -> None:
    current, path = Current(), tmp_path / "mesh.json"
    file = SnapshotFile(path, current)
    path.write_bytes(msgspec.json.encode(_snapshot("stock")))
    assert file.load()
    assert not file.load()
    assert (current.v, set(current.snapshot.service)) == (1, {"stock"})
    path.write_bytes(msgspec.json.encode(_snapshot("stock", "order")))
    assert file.load()
    assert (current.v, set(current.snapshot.service)) == (2, {"stock", "order"})


@pytest.mark.parametrize("bad", [b"", b"{", b'{"service":[]}', b"\xff"])
def test_a_bad_file_changes_nothing_and_is_told(
    bad: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    current, path = Current(), tmp_path / "mesh.json"
    file = SnapshotFile(path, current)
    path.write_bytes(msgspec.json.encode(_snapshot("stock")))
    file.load()
    before = current.table
    path.write_bytes(bad)
    file.reload()
    assert current.table is before
    assert "revision 1 stays in force" in caplog.text
    assert "is not a snapshot" in str(file.status()["error"])
    path.write_bytes(msgspec.json.encode(_snapshot("stock")))
    file.reload()
    assert file.status()["error"] == ""


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidSnapshot, match="No such file or directory: name a file"):
        SnapshotFile(tmp_path / "none.json", Current()).load()


def test_faults_are_said_with_their_places() -> None:
    said = _faults(msgspec.json.encode(_snapshot("stock", percent=50.0)))
    assert "/route/stock/rules/0/split: The percents of a split sum to 100." in said
    assert "/service/x" in _faults(b'{"service":{"x":{"name":"y"}}}')
    assert "`$.service[...].name`" in _faults(b'{"service":{"x":{"name":7}}}')


def test_a_misspelled_kind_is_not_taken_for_an_empty_snapshot() -> None:
    known = "healing, inbound, route, service, trust"
    said = _faults(b'{"services":{}}')
    assert f"/services: this is no kind of resource; {known} are." in said


def test_many_faults_are_cut() -> None:
    names = [f"s{n}" for n in range(FAULTS_SAID + 3)]
    assert "3 more like these." in _faults(msgspec.json.encode(_snapshot(*names, percent=1.0)))
