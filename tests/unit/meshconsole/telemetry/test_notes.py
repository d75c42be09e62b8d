"""Places of the graph are marked by the instances in trouble that belong there."""

from __future__ import annotations

import pytest

from meshconsole.telemetry.notes import Note, words_of
from meshconsole.telemetry.topology import GraphNode

NOTES = [
    Note(app="order", unit="unit1", group="Group_1", is_ejected=True, has_case=True),
    Note(app="order", unit="unit2", group="Group_1", has_case=True),
    Note(app="stock", unit="unit1", group="Group_2", is_ejected=True),
]


def node(app: str = "", unit: str = "", group: str = "") -> GraphNode:
    return GraphNode(
        id="x", label="x", kind="application", app=app, unit=unit, group=group, figures=None
    )


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (node(app="order"), "1 ejected, 2 cases"),
        (node(app="order", unit="unit2"), "1 case"),
        (node(app="order", group="Group_1"), "1 ejected, 2 cases"),
        (node(unit="unit1"), "2 ejected, 1 case"),
        (node(app="gateway"), ""),
        (node(), ""),
    ],
)
def test_a_node_tells_what_is_wrong_where_it_stands(place: GraphNode, told: str) -> None:
    assert words_of(place, NOTES) == told
