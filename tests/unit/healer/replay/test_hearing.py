"""Who says what at a moment: the newest words, and for how long they hold."""

from __future__ import annotations

from typing import Any

import msgspec

from healer.replay.hearing import Hearing
from healer.replay.stories import Story, Word
from tests.harness.policy import case_of


def said(at: float, reporter: str, instance: str = "shop-1", **changes: Any) -> Word:
    word = Word(
        at=at,
        reporter=reporter,
        reporter_app="front",
        reporter_unit="u0",
        instance=instance,
        app="shop",
        is_failing=True,
    )
    return msgspec.structs.replace(word, **changes)


STORY = Story(case=1, facts=case_of("observed"), opened_at=0, ended_at=1000)


def test_what_is_said_later_is_not_known_yet() -> None:
    hearing = Hearing([said(50, "front-2"), said(10, "front-1")])
    hearing.go_on(20)
    assert [one.reporter for one in hearing.reports(STORY, 20)] == ["front-1"]
    hearing.go_on(60)
    assert len(hearing.reports(STORY, 60)) == 2


def test_the_newest_word_of_a_reporter_counts_and_grows_old() -> None:
    hearing = Hearing([said(10, "front-1"), said(30, "front-1", is_failing=False)])
    hearing.go_on(20)
    assert hearing.evidence_age("shop-1", 25) == 15
    hearing.go_on(30)
    assert hearing.evidence_age("shop-1", 35) is None
    assert not hearing.reports(STORY, 35)[0].is_failing


def test_an_ejection_says_so_again_until_it_ends() -> None:
    hearing = Hearing([said(10, "front-1", renewed_until=100)])
    hearing.go_on(10)
    assert hearing.evidence_age("shop-1", 90) == 0
    assert hearing.evidence_age("shop-1", 130) == 30
    assert hearing.reports(STORY, 90)[0].has_ejected


def test_weights_are_those_of_the_case() -> None:
    hearing = Hearing([said(10, "front-1"), said(10, "stranger-1")])
    hearing.go_on(10)
    assert [one.weight for one in hearing.reports(STORY, 10)] == [1 / 3, None]


def test_who_accuses_many_and_who_is_accused_is_known() -> None:
    words = [said(1, "front-1", f"shop-{at}") for at in range(3)]
    words.append(said(1, "other-1", "front-1", app="front"))
    hearing = Hearing(words)
    hearing.go_on(1)
    report = hearing.reports(STORY, 2)[0]
    assert (report.accused_instances, report.accused_services, report.is_accused) == (3, 1, True)
    assert len(hearing.accused("shop", 2)) == 3
    assert hearing.accused("shop", 100) == ()


def test_words_about_a_service_are_none_about_an_instance() -> None:
    hearing = Hearing([said(1, "front-1", "")])
    hearing.go_on(1)
    assert hearing.service_reporters("shop", 2) == ("front-1",)
    assert hearing.service_reporters("shop", 100) == ()
    assert hearing.accused("shop", 2) == ()
