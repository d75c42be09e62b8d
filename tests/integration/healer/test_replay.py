"""A replay reads a period's cases and evidence, and leaves what another policy would have done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from rest_framework.test import APIClient

from healer.casework.hands import Inline
from healer.replay import working
from healer.replay.scoring import scores_update
from meshconsole.healing.cases.scores import scores_of
from meshconsole.healing.cases.services import Subject, case_move, cases_open
from meshconsole.healing.cases.states import CaseEvent
from meshconsole.healing.cases.verbs import case_mark
from meshconsole.healing.models import AnomalyReport, HealingCase, ReplayRun
from meshconsole.healing.replays.services import (
    KEPT,
    LEASE,
    found_of,
    replay_claim,
    replay_get,
    replay_request,
    replays_prune,
)
from meshconsole.healing.replays.states import ReplayState
from tests.factories import an_instance

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def a_story() -> HealingCase:
    """An instance of five that two callers report for ten minutes; in fact it was dismissed."""
    for number in range(1, 6):
        an_instance(f"order-{number}")
    opened = cases_open([Subject(instance="order-1", app="order", unit="unit1")], now=NOW)[0]
    for at in range(0, 600, 15):
        for reporter in ("front-1", "front-2"):
            _report(reporter, NOW + timedelta(seconds=at))
    opened.facts = {
        "case": str(opened.pk),
        "state": "observed",
        "since": NOW.timestamp(),
        "subject": {"instance": "order-1", "app": "order", "unit": "unit1"},
        "n_instances": 5,
        "n_serving": 4,
        "is_serving": False,
        "callers_active": 2,
    }
    opened.save()
    case_move(
        opened, CaseEvent.DISMISSED, actor="ann", reason="So.", now=NOW + timedelta(minutes=10)
    )
    return opened


def _report(reporter: str, at: datetime) -> None:
    AnomalyReport.objects.create(
        event_id=f"{reporter}-{at.timestamp()}",
        boot_id="b",
        seq=1,
        ordinal=0,
        reporter_instance=reporter,
        reporter_app="front",
        reporter_unit="unit1",
        subject_instance="order-1",
        subject_app="order",
        subject_unit="unit1",
        phase="failing",
        rule="error_rate",
        n=50,
        errors={"5xx": 50},
        peers={"count": 4, "median": 0.0, "pooled": 0.0},
        window_start=at - timedelta(seconds=10),
        window_end=at,
        received_at=at,
    )


def asked(**changes: object) -> ReplayRun:
    given = {
        "begins_at": NOW - timedelta(hours=1),
        "ends_at": NOW + timedelta(hours=1),
        "mode": "auto",
        "numbers": {},
        "ejection": {},
        "application": "",
        "actor": "ann",
        "now": NOW,
    }
    return replay_request(**(given | changes))  # type: ignore[arg-type]


def test_it_says_what_was_and_what_would_have_been() -> None:
    case = a_story()
    run = asked()
    assert working.advance(NOW, Inline()) == 1
    run.refresh_from_db()
    found = found_of(run)
    assert run.state == ReplayState.DONE
    assert found is not None
    fate = found.cases[0]
    assert (fate.case, fate.was, fate.then, fate.action) == (
        case.pk,
        "dismissed",
        "acted",
        "restart_process",
    )
    assert fate.then_seconds is not None
    assert fate.then_seconds >= 180
    assert [(one.app, one.windows, one.was, one.then) for one in found.judged] == [
        ("order", 80, 0, 80)
    ]
    assert not found.is_cut


def test_a_candidates_numbers_are_what_is_tried() -> None:
    a_story()
    run = asked(numbers={"cooldown_seconds": 3600}, ejection={"min_requests": 100})
    working.advance(NOW, Inline())
    found = found_of(replay_get(run.pk))
    assert found is not None
    assert found.cases[0].then != "acted"
    assert found.judged[0].then == 0


def test_nothing_is_acted_on_and_no_case_is_moved() -> None:
    case = a_story()
    before = HealingCase.objects.values().get(pk=case.pk)
    asked()
    working.advance(NOW, Inline())
    assert HealingCase.objects.values().get(pk=case.pk) == before


def test_one_runs_at_a_time_and_a_lost_one_is_taken_back() -> None:
    first, second = asked(), asked(actor="bob")
    claimed = replay_claim(now=NOW)
    assert claimed is not None
    assert claimed.pk == first.pk
    assert replay_claim(now=NOW) is None
    late = NOW + LEASE
    again = replay_claim(now=late)
    assert again is not None
    assert (again.pk, again.attempt) == (first.pk, 2)
    last = replay_claim(now=late + LEASE)
    assert last is not None
    assert last.pk == second.pk
    assert replay_get(first.pk).state == ReplayState.FAILED


def test_marks_of_people_feed_a_score_for_each_policy(
    browser_of: Callable[[str], Client],
) -> None:
    case = a_story()
    case_mark(pk=case.pk, mark="right", actor="ann", reason="It was broken.", now=NOW)
    assert scores_update(NOW + timedelta(hours=1)) == 1
    assert scores_update(NOW + timedelta(hours=2)) == 0
    score = scores_of(["order"])["order"]
    assert (score.cases, score.marked, score.missed, score.right) == (1, 1, 1, 0.0)
    assert "1 marked" in browser_of("viewer").get("/automation/").content.decode()
    run = asked()
    working.advance(NOW, Inline())
    found = found_of(replay_get(run.pk))
    assert found is not None
    assert found.was_score is not None
    assert found.then_score is not None
    assert (found.was_score.right, found.then_score.right) == (0.0, 1.0)


def test_what_breaks_off_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(working, "replayed", broken)
    run = asked()
    working.advance(NOW, Inline())
    run.refresh_from_db()
    assert (run.state, run.found) == (ReplayState.FAILED, None)
    assert "see its log" in run.error


def test_the_latest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshconsole.healing.replays.services.KEPT", 1)
    assert KEPT == 200
    for _ in range(3):
        asked()
        working.advance(NOW, Inline())
    assert replays_prune() == 2
    assert ReplayRun.objects.count() == 1


def test_a_replay_is_asked_for_by_rest(api_of: Callable[[str], APIClient]) -> None:
    a_story()
    viewer = api_of("viewer")
    body = {"begins_at": NOW.isoformat(), "ends_at": (NOW + timedelta(hours=2)).isoformat()}
    answer = viewer.post("/api/v1/healing-replays", body, format="json")
    assert answer.status_code == 201
    assert viewer.post("/api/v1/healing-replays", body, format="json").status_code == 409
    url = f"/api/v1/healing-replays/{answer.json()['id']}"
    assert viewer.get(url).json()["state"] == "requested"
    working.advance(NOW, Inline())
    shown = viewer.get(url).json()
    assert shown["state"] == "done"
    assert shown["found"]["cases"][0]["then"] == "acted"
    assert len(viewer.get("/api/v1/healing-replays").json()["results"]) == 1


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"numbers": {"mesh_out": 1000}}, "/numbers"),
        ({"ejection": {"nothing": 1}}, "/ejection"),
        ({"application": "nobody"}, "/application"),
        ({"ends_at": (NOW - timedelta(hours=2)).isoformat()}, "/ends_at"),
        ({"begins_at": (NOW - timedelta(days=9)).isoformat()}, "/begins_at"),
    ],
)
def test_what_cannot_be_replayed_is_said_with_its_place(
    changes: dict[str, object], pointer: str, api_of: Callable[[str], APIClient]
) -> None:
    body = {
        "begins_at": (NOW - timedelta(hours=1)).isoformat(),
        "ends_at": NOW.isoformat(),
    } | changes
    answer = api_of("viewer").post("/api/v1/healing-replays", body, format="json")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_a_viewer_asks_by_a_page_and_sees_what_was_found(
    browser_of: Callable[[str], Client],
) -> None:
    a_story()
    viewer = browser_of("viewer")
    page = "/automation/replays/"
    assert "Nothing was replayed yet" in viewer.get(page).content.decode()
    wrong = viewer.post(page, {"hours": "24", "mode": "auto", "mesh_out": "1000"})
    assert wrong.status_code == 422
    asked_for = viewer.post(page, {"hours": "24", "mode": "auto", "cooldown_seconds": "60"})
    run = ReplayRun.objects.get()
    assert asked_for.headers["Location"] == f"{page}{run.pk}/"
    assert run.numbers == {"cooldown_seconds": 60}
    assert "The healer is at it" in viewer.get(f"{page}{run.pk}/").content.decode()
    ReplayRun.objects.update(begins_at=NOW - timedelta(hours=1), ends_at=NOW + timedelta(hours=1))
    working.advance(NOW, Inline())
    shown = viewer.get(f"{page}{run.pk}/").content.decode()
    assert "1 of 1 case would have gone another way; 1 more" in shown
    assert "cooldown_seconds = 60" in shown
    listed = viewer.get(page).content.decode()
    assert f"replay-{run.pk}" in listed
    assert "1 number changed" in listed
    assert viewer.get(f"{page}999/").status_code == 404
