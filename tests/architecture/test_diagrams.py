"""ARCHITECTURE.md draws every state machine from its table, and is never stale."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "ARCHITECTURE.md"
BLOCK = "<!-- machine: {name} -->\n```mermaid\n{drawing}\n```\n<!-- end -->"
FOUND = re.compile(r"<!-- machine: (\S+) -->\n```mermaid\n(.*?)\n```\n<!-- end -->", re.DOTALL)


def machines() -> list[str]:
    """Every module that holds a table of edges, by its dotted name."""
    files = [*ROOT.glob("meshconsole/**/*states.py"), *ROOT.glob("proxy/**/*states.py")]
    return sorted(".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files)


def drawing(machine: Mapping[tuple[str, str], str]) -> str:
    """The table as a Mermaid state diagram, edges in the order of the table."""
    lines = [f"  {old} --> {new}: {event}" for (old, event), new in machine.items()]
    return "\n".join(["stateDiagram-v2", *lines])


@pytest.mark.parametrize("name", machines())
def test_the_page_draws_the_machine_as_its_table_says(name: str) -> None:
    now = drawing(importlib.import_module(name).TRANSITIONS)
    text = PAGE.read_text()
    drawn = dict(FOUND.findall(text))
    if os.environ.get("MESH_DRAW") and name in drawn:
        old = BLOCK.format(name=name, drawing=drawn[name])
        PAGE.write_text(text.replace(old, BLOCK.format(name=name, drawing=now)))
        drawn[name] = now
    assert name in drawn, f"add a block `<!-- machine: {name} -->` to ARCHITECTURE.md"
    assert drawn[name] == now, "run the test once with MESH_DRAW=1 to draw it again"


def test_the_page_draws_no_machine_that_is_gone() -> None:
    assert {name for name, _ in FOUND.findall(PAGE.read_text())} == set(machines())


@pytest.mark.parametrize("name", machines())
def test_every_state_is_reached_and_only_the_endings_are_left_by_nothing(name: str) -> None:
    states = importlib.import_module(name)
    reached = set(states.TRANSITIONS.values())
    left = {old for old, _ in states.TRANSITIONS}
    begins = left - reached
    assert len(begins) <= 1, f"more than one beginning: {begins}"
    assert reached - left == set(getattr(states, "TERMINAL", frozenset()))
