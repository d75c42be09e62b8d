"""The surroundings are read strictly, and secrets are made once."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from meshconsole.env import Environment, names, postgres, private_file, secret_kept, sqlite


def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESH_DISCOVERY_PORT", "none")
    with pytest.raises(ValidationError, match="discovery_port"):
        Environment()


def test_a_secret_is_made_once_and_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: secret_kept(path), range(8)))
    assert made == {path.read_text()}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_secret_may_come_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "given").write_text("from a file\n")
    monkeypatch.delenv("MESH_SECRET_KEY", raising=False)
    monkeypatch.setenv("MESH_SECRET_KEY_FILE", str(tmp_path / "given"))
    assert Environment().secret_key_value() == "from a file"


def test_a_postgresql_url_is_taken_apart() -> None:
    got = postgres("postgres://me:p%40ss@db:5433/mesh?sslmode=require")
    assert (got["USER"], got["PASSWORD"], got["HOST"], got["PORT"], got["NAME"]) == (
        "me", "p@ss", "db", "5433", "mesh",
    )  # fmt: skip
    assert got["OPTIONS"] == {"sslmode": "require"}
    assert postgres("postgresql:///mesh?host=/run/pg")["HOST"] == "/run/pg"
    with pytest.raises(ValueError, match="postgres://"):
        postgres("mysql://db/mesh")


def test_sqlite_waits_for_its_turn() -> None:
    options = sqlite(Path("x.sqlite3"))["OPTIONS"]
    assert options["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in options["init_command"]


def test_names_are_separated_by_commas() -> None:
    assert names(" a, b,,c ") == ["a", "b", "c"]


def test_the_database_file_is_its_owners_alone_in_whatever_folder(tmp_path: Path) -> None:
    old = tmp_path / "old.sqlite3"
    old.write_bytes(b"kept")
    old.chmod(0o644)
    for path in (old, tmp_path / "new.sqlite3"):
        assert private_file(path) == path
        assert path.stat().st_mode & 0o777 == 0o600
    assert old.read_bytes() == b"kept"
