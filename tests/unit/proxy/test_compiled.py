"""What is compiled runs only when it is there, fits the sources and loads; else the source does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from proxy.compiled import CHOICE, SUFFIX, engine, fingerprint, use_compiled


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of these sources with one library that is none."""
    monkeypatch.delenv(CHOICE, raising=False)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    folder = tmp_path / fingerprint()
    folder.mkdir()
    (folder / f"mesh_library{SUFFIX}").write_bytes(b"no library")
    return tmp_path


def test_sources_that_differ_in_a_byte_or_a_name_have_another_name(tmp_path: Path) -> None:
    source = tmp_path / "one.py"
    source.write_text("a = 1\n")
    first = fingerprint(tmp_path)
    assert fingerprint(tmp_path) == first
    source.write_text("a = 2\n")
    second = fingerprint(tmp_path)
    source.rename(tmp_path / "other.py")
    assert len({first, second, fingerprint(tmp_path)}) == 3


def test_without_anything_compiled_the_source_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(CHOICE, raising=False)
    assert use_compiled(tmp_path / "nothing") == "interpreted"
    assert use_compiled(tmp_path) == "interpreted"


def test_what_does_not_load_is_said_and_the_source_runs(
    shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = list(sys.meta_path)
    assert use_compiled(shelf) == engine() == "interpreted"
    assert sys.meta_path == before
    assert "what is compiled does not load" in capsys.readouterr().err


def test_an_operator_may_say_that_the_source_runs(
    shelf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(CHOICE, "interpreted")
    assert use_compiled(shelf) == "interpreted"
    assert capsys.readouterr().err == ""


def test_once_the_source_is_imported_nothing_compiled_is_mixed_with_it(
    shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shelf / fingerprint() / "proxy"
    folder.mkdir()
    (folder / f"compiled{SUFFIX}").write_bytes(b"no library")
    assert use_compiled(shelf) == "interpreted"
    assert capsys.readouterr().err == ""
