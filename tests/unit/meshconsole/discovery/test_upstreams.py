"""Who is on a list of callers speaks; who is not has only been refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from meshconsole.discovery.upstreams import GRACE, KEPT_SECONDS, CallerList, Upstreams
from proxy.contract.snapshot import Caller

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def a_list(*callers: Caller, changed_at: datetime = NOW - GRACE) -> CallerList:
    return CallerList(app="cash", callers=callers, changed_at=changed_at)


def test_without_a_list_everybody_speaks() -> None:
    assert Upstreams(lambda: []).may_speak("gateway", "unit1", "cash", NOW)


def test_only_who_is_on_the_list_speaks_of_its_application() -> None:
    upstreams = Upstreams(
        lambda: [a_list(Caller(app="order"), Caller(app="stock", unit="unit1"), Caller(unit="ops"))]
    )
    may = [
        upstreams.may_speak(app, unit, "cash", NOW)
        for app, unit in (
            ("order", "unit2"), ("stock", "unit1"), ("stock", "unit2"), ("gateway", "ops"),
            ("gateway", "unit1"),
        )
    ]  # fmt: skip
    assert may == [True, True, False, True, False]
    assert upstreams.may_speak("gateway", "unit1", "order", NOW)


def test_a_list_that_has_just_changed_refuses_nobody() -> None:
    upstreams = Upstreams(lambda: [a_list(changed_at=NOW)])
    assert upstreams.may_speak("gateway", "unit1", "cash", NOW + GRACE / 2)
    assert not upstreams.may_speak("gateway", "unit1", "cash", NOW + GRACE)


def test_lists_are_read_again_every_few_seconds() -> None:
    lists = [a_list()]
    upstreams = Upstreams(lambda: lists)
    assert not upstreams.may_speak("gateway", "unit1", "cash", NOW)
    lists.clear()
    assert not upstreams.may_speak("gateway", "unit1", "cash", NOW)
    assert upstreams.may_speak("gateway", "unit1", "cash", NOW + timedelta(seconds=KEPT_SECONDS))
