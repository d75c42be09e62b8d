"""What pages make of a rollout: its title, its headline, and the wave to look at."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from meshconsole.rollouts.ledgers import Came
from meshconsole.rollouts.pages import Cut, cut_of, have_count, title_of, wave_picked
from meshconsole.rollouts.shapes import RolloutShown, TargetShown, WaveShown


def a_target(instance: str, state: str = "acked") -> TargetShown:
    return TargetShown(
        instance=instance, application="order", unit="unit1", before="", state=state, note="",
        applied_at=None, acked_at=None, reverted_at=None,
    )  # fmt: skip


def a_wave(number: int, *instances: str, **fields: Any) -> WaveShown:
    names = set(WaveShown.__struct_fields__)
    given: dict[str, Any] = dict.fromkeys(names)
    given |= {
        "number": number, "state": "passed", "gates": [], "is_current": False,
        "targets": [a_target(name) for name in instances],
    } | fields  # fmt: skip
    return WaveShown(**given)


def a_rollout(*waves: WaveShown, state: str = "soaking") -> RolloutShown:
    given: dict[str, Any] = dict.fromkeys(RolloutShown.__struct_fields__)
    return RolloutShown(**(given | {"waves": list(waves), "state": state}))


def came(started: int, cut: int = 0) -> Came:
    return Came(started=started, cut=cut, arrived=started, plain=0)


@pytest.mark.parametrize(
    ("kind", "application", "spec", "title"),
    [
        ("tls_mode", "order", {"to": "strict"}, "Link encryption of order to strict"),
        ("tls_mode", "", {"to": "preferred"}, "Link encryption of the whole mesh to preferred"),
        ("route_table", "order", {"split": {"b": 12.5, "a": 87.5}},
         "Split of order to a 87.5%, b 12.5%"),
        ("sidecar_version", "", {"version": "2.0"}, "Sidecar version of the whole mesh to 2.0"),
        ("ca_rotation", "", {}, "Rotation of the mesh's certificate authority"),
        ("some_mode", "order", {}, "Some mode of order"),
    ],
)  # fmt: skip
def test_a_title_says_what_where_and_whereto(
    kind: str, application: str, spec: dict[str, Any], title: str
) -> None:
    assert title_of(kind, application, spec) == title


def test_the_headline_counts_each_instance_since_its_first_wave() -> None:
    waves = [
        a_wave(1, "a", ledger=came(100)),
        a_wave(2, "b", ledger=came(50, cut=1)),
        a_wave(3, "a", "b", ledger=came(10)),
        a_wave(4, "c", ledger=None),
    ]
    assert cut_of(waves) == Cut(cut=1, started=150)


def test_a_headline_of_nothing_counted_is_none() -> None:
    assert cut_of([a_wave(1, "a", ledger=came(0)), a_wave(2, "b", ledger=None)]) is None


def test_what_was_undone_is_not_in_force() -> None:
    undone = a_wave(1, targets=[a_target("a", "reverted"), a_target("b", "written")])
    assert have_count(a_rollout(undone, a_wave(2, "c", "d"), a_wave(3, "c"))) == 2


def test_the_wave_to_look_at_is_the_one_asked_for_or_the_current_one() -> None:
    shown = a_rollout(
        a_wave(1, "a"), a_wave(2, "b", state="soaking", is_current=True), a_wave(3, state="planned")
    )
    picked = [wave_picked(shown, wanted, None) for wanted in ("", "3", "77", "x")]
    assert [wave.number if wave else 0 for wave in picked] == [2, 3, 2, 2]
    ended = a_rollout(a_wave(1, "a"), a_wave(2, "b"))
    last = wave_picked(ended, "", None)
    assert last is not None
    assert last.number == 2
    assert wave_picked(msgspec.structs.replace(ended, waves=[]), "", None) is None
