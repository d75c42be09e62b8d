"""Cases decided again: the candidate's own way, and in each other's way as they would have been."""

from __future__ import annotations

from typing import Any

import msgspec

from healer.policy.decision import Change
from healer.policy.facts import ProbeFact
from healer.policy.parameters import Policy
from healer.replay.rerunning import Around, Rerun
from healer.replay.stories import Story, Word
from meshconsole.healing.replays.shapes import Fate
from tests.harness.policy import AUTO, case_of
from tests.unit.healer.replay.test_hearing import said

AROUND = Around(n_instances=100, unit_instances={"u0": 60, "u1": 40})


def _failing(instance: str, seconds: float, begins: float = 0.0) -> list[Word]:
    """Three callers say so every ten seconds for so long, then that it recovered."""
    units = ("u0", "u1", "u0")
    words = []
    for at, unit in enumerate(units, start=1):
        name = f"front-{at}"
        words += [
            said(begins + second, name, instance, reporter_unit=unit)
            for second in range(0, int(seconds), 10)
        ]
        words.append(said(begins + seconds, name, instance, reporter_unit=unit, is_failing=False))
    return words


def _story(number: int = 1, opened_at: float = 0.0, **changes: Any) -> Story:
    facts = case_of("cooling", **changes)
    subject = msgspec.structs.replace(facts.subject, instance=f"shop-{number}")
    return Story(
        case=number,
        facts=msgspec.structs.replace(facts, subject=subject),
        opened_at=opened_at,
        ended_at=opened_at + 3600,
        was="asked",
        was_seconds=185,
    )


def _fates(
    stories: list[Story], words: list[Word], policy: Policy, around: Around = AROUND
) -> list[Fate]:
    return Rerun(stories, words, {"shop": policy}, around).run()


def test_a_fault_that_lasts_is_acted_on_after_its_cooldown() -> None:
    fate = _fates([_story()], _failing("shop-1", 600), AUTO)[0]
    assert (fate.then, fate.action, fate.was) == ("acted", "restart_process", "asked")
    assert fate.then_seconds is not None
    assert 180 <= fate.then_seconds <= 195


def test_a_longer_cooldown_lets_it_mend_itself() -> None:
    patient = Policy(mode="auto", cooldown_seconds=900)
    fate = _fates([_story()], _failing("shop-1", 600), patient)[0]
    assert (fate.then, fate.action) == ("recovered", "")


def test_another_mode_asks_or_only_watches() -> None:
    words = _failing("shop-1", 3600)
    assert _fates([_story()], words, Policy(mode="approve_all"))[0].then == "asked"
    assert _fates([_story()], words, Policy())[0].then == "escalated"


def test_cases_stand_in_each_others_way() -> None:
    words = _failing("shop-1", 600) + _failing("shop-2", 600, begins=1)
    first, second = _fates([_story(1), _story(2, 1.0)], words, AUTO)
    assert first.then_seconds is not None
    assert second.then_seconds is None or second.then_seconds > first.then_seconds + 100


def test_a_change_that_was_near_then_is_what_is_to_be_undone() -> None:
    around = msgspec.structs.replace(
        AROUND, changes=((-30.0, Change(kind="rollout", ref="7", app="shop")),)
    )
    fate = _fates([_story()], _failing("shop-1", 600), AUTO, around)[0]
    assert (fate.then, fate.action) == ("asked", "revert")


def test_a_probe_that_found_it_well_weighs_as_it_did() -> None:
    few = _story(callers_active=10, probe=ProbeFact(is_ok=True))
    fate = _fates([few], _failing("shop-1", 3600), AUTO)[0]
    assert fate.then == "acted"
    weights = tuple(msgspec.structs.replace(one, weight=0.1) for one in few.facts.reports)
    light = msgspec.structs.replace(few, facts=msgspec.structs.replace(few.facts, reports=weights))
    assert _fates([light], _failing("shop-1", 3600), AUTO)[0].then == "dismissed"


def test_it_ends_at_its_bound_and_says_so() -> None:
    rerun = Rerun([_story()], _failing("shop-1", 600), {"shop": AUTO}, AROUND)
    fate = rerun.run(limit=5)[0]
    assert rerun.is_cut
    assert (fate.then, rerun.decisions) == ("waiting", 5)


def test_what_is_not_known_any_more_waits() -> None:
    short = msgspec.structs.replace(_story(), ended_at=100.0)
    assert _fates([short], _failing("shop-1", 600), AUTO)[0].then == "waiting"
