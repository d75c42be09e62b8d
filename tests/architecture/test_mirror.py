"""A pure module has a test of its own name, and a unit test names a module that is there."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "tests" / "unit"


def _pure() -> list[str]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return [
        module
        for contract in contracts["contracts"]
        if contract["name"] == "Deciding is pure"
        for module in contract["source_modules"]
    ]


def _tested_somewhere(stem: str) -> bool:
    kinds = ("unit", "property", "contract")
    return any(
        stem in path.stem for kind in kinds for path in (ROOT / "tests" / kind).rglob("test_*.py")
    )


def test_every_pure_module_of_the_console_is_tested_by_name() -> None:
    missing = [
        module for module in _pure() if not _tested_somewhere(module.rsplit(".", maxsplit=1)[-1])
    ]
    assert missing == []


def test_every_unit_test_stands_where_its_module_stands() -> None:
    astray = []
    for path in UNIT.rglob("test_*.py"):
        folder = ROOT / path.parent.relative_to(UNIT)
        if not folder.is_dir():
            astray.append(str(path.relative_to(ROOT)))
    assert astray == []
