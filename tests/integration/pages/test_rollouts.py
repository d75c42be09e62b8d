"""The pages of rollouts: what is shown in each state, who may do what, and how a no is said."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from meshconsole.core.redis import client
from meshconsole.rollouts import services
from meshconsole.rollouts.models import Evaluation, Rollout
from meshconsole.rollouts.record import turn_back
from meshconsole.rollouts.states import RolloutEvent, RolloutState, WaveState
from meshconsole.telemetry import links
from proxy.contract.reports import LinkCounts
from tests.factories import an_instance

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db
Browser = Callable[[str], "Client"]
HX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _order() -> None:
    an_instance("order-1", group="Group_1")
    an_instance("order-2", group="Group_2", unit="unit2")
    an_instance("order-3", group="Group_1", unit="unit2")


def a_rollout(*, started: bool = False, **spec: Any) -> Rollout:
    """A previewed rollout of order's split, by ann."""
    now = timezone.now()
    given = {"split": {"Group_1": 50, "Group_2": 50}} | spec
    row = services.rollout_create(
        kind="route_table", application="order", spec=given, actor="ann", now=now, reason="gray"
    )
    services.rollout_plan(pk=row.pk, actor="ann", now=now)
    if started:
        services.rollout_start(pk=row.pk, actor="ann", now=now)
    row.refresh_from_db()
    return row


def soaking(row: Rollout) -> Rollout:
    """The first wave soaks, its sidecars have it; a round of gates passed."""
    now = timezone.now()
    wave = row.waves.get(number=1)
    wave.state, wave.begun_at, wave.soaking_at = WaveState.SOAKING, now, now
    wave.soak_until, wave.judge_at = now + timedelta(minutes=9), now + timedelta(seconds=20)
    wave.rounds = 1
    wave.save()
    wave.targets.update(stepped_at=now, applied_at=now, acked_at=now)
    a_verdict(wave, "p99", 1, value=0.001, control=0.0005, bound=0.005)
    a_verdict(wave, "cut", 1, value=0, bound=0, measure="count", is_hard=True)
    Rollout.objects.filter(pk=row.pk).update(state=RolloutState.SOAKING, note="The soak goes on.")
    row.refresh_from_db()
    return row


def a_verdict(wave: Any, metric: str, number: int, **fields: Any) -> None:
    given = {
        "measure": "seconds", "verdict": "pass", "is_hard": False, "control": None,
        "sentence": f"{metric} in round {number}.",
    } | fields  # fmt: skip
    Evaluation.objects.create(wave=wave, metric=metric, round=number, at=timezone.now(), **given)


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


def test_the_list_says_what_is_rolled_out_how_far_and_by_whom(browser_of: Browser) -> None:
    assert "Nothing was rolled out yet" in text_of(browser_of("viewer").get("/rollouts/"))
    row = a_rollout(started=True)
    text = text_of(browser_of("viewer").get("/rollouts/"))
    assert f'href="/rollouts/{row.pk}/"' in text
    assert "Split of order to Group_1 50%, Group_2 50%" in text
    assert "by ann" in text
    assert "0 of 5 passed" in text
    assert "No approval is needed." in text


def test_the_list_is_filtered_by_kind_state_and_application(browser_of: Browser) -> None:
    row = a_rollout(started=True)
    viewer = browser_of("viewer")
    for query in ("state=open", "state=approved", "kind=route_table", "application=order"):
        assert f'id="rollout-{row.pk}"' in text_of(viewer.get(f"/rollouts/?{query}")), query
    text = text_of(viewer.get("/rollouts/?state=completed"))
    assert "No rollout is like this" in text
    assert f'id="rollout-{row.pk}"' not in text


def test_a_page_shows_waves_as_steps_and_gates_against_bounds(browser_of: Browser) -> None:
    row = soaking(a_rollout(started=True))
    text = text_of(browser_of("viewer").get(f"/rollouts/{row.pk}/"))
    assert 'aria-current="step"' in text
    assert "soak ends in" in text
    assert "data-until" in text
    assert "+1.0 ms" in text
    assert "5.0 ms allowed" in text
    assert "control +0.5 ms" in text
    assert "p99 in round 1." in text
    assert "Rounds as a table" in text
    assert '<path class="bound"' in text
    assert "Who decided what, and why" in text
    later = text_of(browser_of("viewer").get(f"/rollouts/{row.pk}/?wave=2"))
    assert "Instances of wave 2" in later
    assert "No gate has judged this wave" in later


def test_the_number_that_turned_it_back_stands_on_top(browser_of: Browser) -> None:
    row = soaking(a_rollout(started=True))
    wave = row.waves.get(number=1)
    a_verdict(wave, "p99", 2, value=0.021, control=0.0004, bound=0.005, verdict="fail")
    turn_back(
        row,
        RolloutEvent.GATE_FAILED,
        actor="rollouts",
        why="p99: Answers became slower.",
        now=timezone.now(),
    )
    text = text_of(browser_of("viewer").get(f"/rollouts/{row.pk}/"))
    assert "p99 latency turned it back in wave 1" in text
    assert '<b data-figure="trip">+21.0 ms</b>' in text
    assert "5.0 ms allowed" in text
    assert "control group +0.4 ms" in text
    assert "Answers became slower." in text


def test_buttons_are_those_of_the_state_and_say_what_a_role_forbids(browser_of: Browser) -> None:
    row = soaking(a_rollout(started=True))
    path = f"/rollouts/{row.pk}/"
    text = text_of(browser_of("operator").get(path))
    for verb in ("pause", "promote", "rollback"):
        assert f'id="verb-{verb}"' in text, verb
    for verb in ("resume", "approve", "start", "abort"):
        assert f'id="verb-{verb}"' not in text, verb
    for verb in ("resume", "start", "abort"):
        assert f'<dialog id="ask-{verb}" class="is-unoffered"' in text, verb
    told = text_of(browser_of("viewer").get(path))
    assert "Pause: This needs the role operator; yours is viewer." in told
    assert 'id="ask-pause"' not in told


def test_a_verb_is_done_and_goes_back_to_the_page(browser_of: Browser) -> None:
    row = soaking(a_rollout(started=True))
    operator = browser_of("operator")
    answer = operator.post(f"/rollouts/{row.pk}/pause/", {"reason": "Lunch"})
    assert (answer.status_code, answer["Location"]) == (302, f"/rollouts/{row.pk}/")
    row.refresh_from_db()
    assert (row.state, row.note) == (RolloutState.PAUSED, "Lunch")
    by_script = operator.post(f"/rollouts/{row.pk}/rollback/", {"reason": "No"}, headers=HX)
    assert by_script["HX-Redirect"] == f"/rollouts/{row.pk}/"
    row.refresh_from_db()
    assert row.state == RolloutState.ROLLING_BACK
    log = text_of(operator.get(f"/rollouts/{row.pk}/"))
    assert "rollback asked" in log
    assert "Lunch" in log


def test_a_verb_that_comes_too_late_is_told_where_it_was_asked(browser_of: Browser) -> None:
    row = a_rollout(started=True)
    operator = browser_of("operator")
    fragment = operator.post(f"/rollouts/{row.pk}/resume/", headers=HX)
    assert fragment.status_code == 409
    assert "<html" not in text_of(fragment)
    assert "A rollout that is approved cannot be resumed." in text_of(fragment)
    page = operator.post(f"/rollouts/{row.pk}/resume/")
    assert page.status_code == 409
    assert "<html" in text_of(page)
    assert "A rollout that is approved cannot be resumed." in text_of(page)


def test_who_asked_does_not_approve_and_is_told_so(browser_of: Browser) -> None:
    now = timezone.now()
    row = a_rollout(ask_approval=True)
    services.rollout_start(pk=row.pk, actor="approver", now=now)
    path = f"/rollouts/{row.pk}/"
    text = text_of(browser_of("approver").get(path))
    assert "Somebody else has to approve what you asked for." in text
    assert browser_of("approver").post(f"{path}approve/").status_code == 403
    assert browser_of("operator").post(f"{path}approve/").status_code == 403
    assert browser_of("admin").post(f"{path}approve/", {"reason": "Seen"}).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.approved_by) == (RolloutState.APPROVED, "admin")


def test_what_no_gate_has_passed_needs_a_reason_to_be_promoted(browser_of: Browser) -> None:
    row = soaking(a_rollout(started=True))
    a_verdict(row.waves.get(number=1), "p50", 1, verdict="inconclusive", bound=0.001)
    operator = browser_of("operator")
    refused = operator.post(f"/rollouts/{row.pk}/promote/", headers=HX)
    assert refused.status_code == 422
    assert "say why it may pass all the same" in text_of(refused)
    done = operator.post(f"/rollouts/{row.pk}/promote/", {"reason": "Night, no traffic"})
    assert done.status_code == 302
    text = text_of(operator.get(f"/rollouts/{row.pk}/?wave=1"))
    assert "promoted by operator" in text


def test_a_get_changes_nothing(browser_of: Browser) -> None:
    row = a_rollout()
    for verb in ("plan", "start", "approve", "promote", "pause", "resume", "abort", "rollback"):
        assert browser_of("admin").get(f"/rollouts/{row.pk}/{verb}/").status_code == 405


def test_the_ledger_is_shown_by_edge_and_can_be_taken_along(
    browser_of: Browser, mesh_redis: str
) -> None:
    row = a_rollout(started=True)
    counts = LinkCounts(
        side="out", app="order", unit="unit1", instance="order-1", protocol="http1",
        generation="=cmd|", encrypted=True, opened=3, started=1200, completed=1199, in_flight=1,
    )  # fmt: skip
    told = links.Told(
        instance="gateway-1", app="gateway", unit="unit1", boot="b1", at=1.0, edges=(counts,)
    )
    client().hset(links.TOLD, told.name, links.encode(told).decode())
    viewer = browser_of("viewer")
    text = text_of(viewer.get(f"/rollouts/{row.pk}/"))
    assert "gateway → order" in text
    assert "1,200" in text
    rows = list(csv.DictReader(io.StringIO(text_of(viewer.get(f"/rollouts/{row.pk}/ledger.csv")))))
    assert (rows[0]["sidecar"], rows[0]["started"], rows[0]["cut"]) == ("gateway-1", "1200", "0")
    assert rows[0]["generation"] == "'=cmd|"
    body = json.loads(text_of(viewer.get(f"/rollouts/{row.pk}/ledger.json")))
    assert body["counters"][0]["completed"] == 1199
    assert [wave["number"] for wave in body["waves"]] == [1, 2, 3, 4, 5]


def test_without_redis_the_page_says_that_the_ledger_is_not_known(browser_of: Browser) -> None:
    row = soaking(a_rollout(started=True))
    text = text_of(browser_of("viewer").get(f"/rollouts/{row.pk}/"))
    assert "what sidecars counted is not known" in text
    assert browser_of("viewer").get(f"/rollouts/{row.pk}/ledger.csv").status_code == 503


def test_the_moving_part_is_a_fragment_that_asks_again(browser_of: Browser) -> None:
    row = soaking(a_rollout(started=True))
    text = text_of(browser_of("viewer").get(f"/rollouts/{row.pk}/live/?wave=1"))
    assert "<html" not in text
    assert 'data-live="rollouts"' in text
    assert 'data-every="2"' in text
    assert f'hx-get="/rollouts/{row.pk}/live/?wave=1"' in text


def test_the_overview_says_what_is_being_changed_now(browser_of: Browser) -> None:
    viewer = browser_of("viewer")
    assert "Nothing is being rolled out." in text_of(viewer.get("/"))
    a_rollout()
    assert "Nothing is being rolled out." in text_of(viewer.get("/overview/live/"))
    row = Rollout.objects.get()
    services.rollout_start(pk=row.pk, actor="ann", now=timezone.now())
    text = text_of(viewer.get("/overview/live/"))
    assert "Being changed now" in text
    assert f'href="/rollouts/{row.pk}/"' in text
    assert "0 of 5 waves" in text


def test_an_application_names_its_rollouts_and_those_of_the_whole_mesh(browser_of: Browser) -> None:
    viewer = browser_of("viewer")
    an_instance("stock-1", application="stock")
    assert "Nothing of it was rolled out yet." in text_of(viewer.get("/applications/order/"))
    mine = a_rollout()
    now = timezone.now()
    whole = services.rollout_create(
        kind="tls_mode", application="", spec={"to": "permissive"}, actor="ann", now=now
    )
    services.rollout_plan(pk=whole.pk, actor="ann", now=now)
    services.rollout_start(pk=whole.pk, actor="ann", now=now)
    order, stock = (text_of(viewer.get(f"/applications/{app}/")) for app in ("order", "stock"))
    assert f'href="/rollouts/{mine.pk}/"' in order
    assert f'href="/rollouts/{mine.pk}/"' not in stock
    assert f'href="/rollouts/{whole.pk}/"' in order
    assert f'href="/rollouts/{whole.pk}/"' in stock


def test_a_rollout_that_healing_keeps_still_says_by_which_case(browser_of: Browser) -> None:
    row = a_rollout()
    Rollout.objects.filter(pk=row.pk).update(
        state=RolloutState.PAUSED, note="order fails as a whole: case 7.", braked_by="case:7"
    )
    said = browser_of("viewer").get(f"/rollouts/{row.pk}/").content.decode()
    assert '<a href="/cases/7/">Case 7</a> keeps it still' in said
    Rollout.objects.filter(pk=row.pk).update(braked_by="switch:rollouts/mesh")
    said = browser_of("viewer").get(f"/rollouts/{row.pk}/").content.decode()
    assert '<a href="/automation/">The kill switch</a> keeps it still' in said
