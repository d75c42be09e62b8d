"""Who has seen one room has seen them all: same names, short files, a first sentence in each."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("meshconsole", "healer", "proxy", "tests")
DRAWERS = {"utils", "helpers", "signals", "managers", "constants", "misc", "common"}
LONG, LONG_ALLOWED = 300, 12
LIMIT = 500


def _sources(*packages: str) -> Iterator[Path]:
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


ALL = list(_sources(*PACKAGES))
OURS = list(_sources("meshconsole", "healer", "proxy"))


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_nothing_is_a_drawer() -> None:
    assert [_name(path) for path in ALL if path.stem in DRAWERS] == []


def test_every_module_says_in_a_sentence_what_it_is_for() -> None:
    mute = []
    for path in ALL:
        text = path.read_text()
        docstring = ast.get_docstring(ast.parse(text)) if text.strip() else ""
        if text.strip() and not re.match(r"[^\n]+(\n[^\n]+)*?[.:](\n|$)", docstring or ""):
            mute.append(_name(path))
    assert mute == []


def test_every_package_says_in_a_sentence_what_it_promises() -> None:
    empty = [
        _name(path)
        for path in OURS
        if path.name == "__init__.py"
        and "management" not in path.parts
        and "templatetags" not in path.parts
        and not path.read_text().strip()
    ]
    assert empty == []


def test_files_are_read_in_one_go() -> None:
    lengths = {_name(path): len(path.read_text().splitlines()) for path in OURS}
    long = {name: lines for name, lines in lengths.items() if lines > LONG}
    assert len(long) <= LONG_ALLOWED, long
    assert max(lengths.values()) <= LIMIT, long
    nine_in_ten = sorted(lengths.values())[int(len(lengths) * 0.9)]
    assert nine_in_ten <= 240


@pytest.mark.parametrize("word", ["TODO", "FIXME", "XXX", "HACK"])
def test_nothing_is_left_for_later(word: str) -> None:
    here = Path(__file__).resolve()
    found = [
        _name(path)
        for path in ALL
        if path.resolve() != here and re.search(rf"\b{word}\b", path.read_text())
    ]
    assert found == []


def test_every_room_has_its_addresses_in_one_place() -> None:
    rooms = {path.parent for path in OURS if path.name in ("api.py", "views.py")}
    assert [_name(room) for room in rooms if not (room / "urls.py").is_file()] == []


def test_rooms_keep_their_rules_out_of_their_doors() -> None:
    """Services know nothing of HTTP; doors write no rows."""
    faults = []
    for path in _sources("meshconsole"):
        text = path.read_text()
        if path.name == "services.py" and re.search(r"\b(rest_framework|django\.http)\b", text):
            faults.append(f"{_name(path)} knows HTTP")
        if path.name in ("api.py", "views.py") and re.search(
            r"\.objects\.(create|bulk_create|update)\(|\.save\(", text
        ):
            faults.append(f"{_name(path)} writes rows")
    assert faults == []
