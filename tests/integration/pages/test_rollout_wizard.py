"""The wizard of rollouts: what is previewed is what is started, and nothing else."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from meshconsole.healing.guards.services import switch_engage
from meshconsole.rollouts.freezes import freeze_create
from meshconsole.rollouts.models import Rollout
from meshconsole.rollouts.states import RolloutState
from tests.factories import an_application, an_instance

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db
Browser = Callable[[str], "Client"]
HALF = {
    "kind": "route_table",
    "application": "order",
    "weight:Group_1": "50",
    "weight:Group_2": "50",
    "soak_scale": "0.5",
    "min_requests": "500",
}
PREFERRED = {"kind": "tls_mode", "application": "order", "to": "preferred"}
HX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _order() -> None:
    for number, unit in ((1, "unit1"), (2, "unit2"), (3, "unit2"), (4, "unit1")):
        an_instance(f"order-{number}", unit=unit, group="Group_2" if number == 2 else "Group_1")


def text_of(answer: object) -> str:
    """The page in words and tags, on one line."""
    source: str = answer.content.decode()  # type: ignore[attr-defined]
    return html.unescape(re.sub(r"\s+", " ", source))


def carried(answer: object, **more: str) -> dict[str, str]:
    """The hidden fields of the start form, as a browser sends them back."""
    source = answer.content.decode()  # type: ignore[attr-defined]
    found = {
        name: html.unescape(value)
        for name, value in re.findall(r'name="(wish|plan|once)"\s+value="([^"]*)"', source)
    }
    assert set(found) == {"wish", "plan", "once"}
    return found | more


def test_the_form_is_that_of_the_kind_and_application_of_the_address(browser_of: Browser) -> None:
    viewer = browser_of("viewer")
    tls = text_of(viewer.get("/rollouts/new/?kind=tls_mode&application=order"))
    assert 'name="to" value="strict"' in tls
    assert "The whole mesh" in tls
    route = text_of(viewer.get("/rollouts/new/?kind=route_table&application=order"))
    assert 'name="weight:Group_2"' in route
    assert "The whole mesh" not in route
    assert viewer.get("/rollouts/new/?kind=nonsense&application=nobody").status_code == 200
    rotation = text_of(viewer.get("/rollouts/new/?kind=ca_rotation"))
    assert '<option value="" selected>The whole mesh' in rotation
    assert '<option value="order"' not in rotation
    version = text_of(viewer.get("/rollouts/new/?kind=sidecar_version&application=order"))
    assert 'name="version"' in version
    assert "4 run unknown." in version


def test_without_an_application_the_wizard_says_what_comes_first(browser_of: Browser) -> None:
    from meshconsole.inventory.models import Application, Group, Instance

    for rows in (Instance, Group, Application):
        rows.objects.all().delete()
    text = text_of(browser_of("viewer").get("/rollouts/new/?kind=route_table"))
    assert "No application yet" in text


def test_a_preview_shows_waves_gates_and_both_twins_to_everybody(browser_of: Browser) -> None:
    answer = browser_of("viewer").post("/rollouts/new/preview/", PREFERRED | {"reason": "go"})
    text = text_of(answer)
    assert answer.status_code == 200
    assert "Link encryption of order to preferred" in text
    assert "1 instance" in text
    assert "unit1 1" in text
    assert "at most 0.5 points more than before" in text
    assert "rolled back at once" in text
    assert "meshctl rollout create tls_mode --app order --spec '{to: preferred}'" in text
    assert "kind: tls_mode" in text
    assert "This needs the role operator; yours is viewer." in text
    assert not Rollout.objects.exists()


def test_sidecars_are_replaced_by_hand_where_nothing_else_does_it(browser_of: Browser) -> None:
    given = {"kind": "sidecar_version", "application": "order", "version": "9.1", "by": "actuator"}
    operator = browser_of("operator")
    blocked = text_of(operator.post("/rollouts/new/preview/", given))
    assert "In the way: Nothing replaces sidecars here" in re.sub("</?strong>", "", blocked)
    free = text_of(operator.post("/rollouts/new/preview/", given | {"by": "operator"}))
    assert "In the way" not in free
    assert "Sidecar version of order to 9.1" in free


def test_what_is_in_the_way_has_a_link_to_where_it_can_be_seen(browser_of: Browser) -> None:
    an_instance("order-9", caps=[])
    text = text_of(browser_of("operator").post("/rollouts/new/preview/", PREFERRED))
    assert "In the way:" in text
    assert 'href="/instances/order-9/"' in text
    assert "preview it again when it is gone" in text


def test_exactly_what_was_previewed_is_started(browser_of: Browser) -> None:
    operator = browser_of("operator")
    seen = operator.post("/rollouts/new/preview/", HALF)
    form = carried(seen, reason="Half of it")
    answer = operator.post("/rollouts/new/start/", form)
    row = Rollout.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/rollouts/{row.pk}/")
    assert (row.state, row.reason, row.started_by) == (
        RolloutState.APPROVED,
        "Half of it",
        "operator",
    )
    assert row.spec["soak_scale"] == 0.5
    planned = [wave["instances"] for wave in json.loads(form["plan"])]
    kept = [list(wave.targets.values_list("instance", flat=True)) for wave in row.waves.all()]
    assert kept == planned


def test_sent_twice_it_is_one_rollout(browser_of: Browser) -> None:
    operator = browser_of("operator")
    form = carried(operator.post("/rollouts/new/preview/", HALF))
    first = operator.post("/rollouts/new/start/", form)
    again = operator.post("/rollouts/new/start/", form, headers=HX)
    assert Rollout.objects.count() == 1
    assert again["HX-Redirect"] == first["Location"]


def test_a_draft_is_kept_and_started_from_its_page(browser_of: Browser) -> None:
    operator = browser_of("operator")
    form = carried(operator.post("/rollouts/new/preview/", HALF), draft="yes")
    operator.post("/rollouts/new/start/", form)
    row = Rollout.objects.get()
    assert row.state == RolloutState.PREVIEWED
    assert operator.post(f"/rollouts/{row.pk}/start/").status_code == 302
    row.refresh_from_db()
    assert row.state == RolloutState.APPROVED


def test_a_mesh_that_changed_meanwhile_is_told_by_its_differences(browser_of: Browser) -> None:
    operator = browser_of("operator")
    form = carried(operator.post("/rollouts/new/preview/", PREFERRED))
    an_instance("order-5", unit="unit1")
    answer = operator.post("/rollouts/new/start/", form)
    text = text_of(answer)
    assert answer.status_code == 409
    assert "The mesh has changed since you looked" in text
    assert "order-5 is new, in wave" in text
    assert 'name="to" value="preferred" checked' in text
    assert not Rollout.objects.exists()
    assert operator.post("/rollouts/new/start/", carried(answer)).status_code == 302


def test_a_change_that_every_caller_feels_asks_for_its_name(browser_of: Browser) -> None:
    operator = browser_of("operator")
    whole = {"kind": "tls_mode", "application": "", "to": "permissive"}
    seen = operator.post("/rollouts/new/preview/", whole)
    assert "to confirm" in text_of(seen)
    wanted = re.search(r'Type <strong class="mono">([^<]+)</strong>', text_of(seen))
    assert wanted is not None
    form = carried(seen)
    refused = operator.post("/rollouts/new/start/", form | {"confirm": "yes"})
    assert (refused.status_code, wanted[1]) == (422, "mesh.local")
    assert "Type mesh.local to confirm" in text_of(refused)
    assert not Rollout.objects.exists()
    assert operator.post("/rollouts/new/start/", form | {"confirm": wanted[1]}).status_code == 302


def test_what_changes_the_same_thing_just_now_is_linked(browser_of: Browser) -> None:
    operator = browser_of("operator")
    operator.post("/rollouts/new/start/", carried(operator.post("/rollouts/new/preview/", HALF)))
    owner = Rollout.objects.get()
    other = HALF | {"weight:Group_1": "60", "weight:Group_2": "40"}
    seen = operator.post("/rollouts/new/preview/", other)
    assert f'href="/rollouts/{owner.pk}/"' in text_of(seen)
    refused = operator.post("/rollouts/new/start/", carried(seen), headers=HX)
    assert refused.status_code == 409
    assert f"Rollout {owner.pk} changes the same thing just now" in text_of(refused)
    assert Rollout.objects.count() == 1


def test_a_freeze_is_shown_and_only_an_admin_goes_past_it(browser_of: Browser) -> None:
    now = timezone.now()
    freeze_create(
        begins_at=now, ends_at=now + timedelta(hours=1), reason="The fair", actor="ann", now=now
    )
    operator, admin = browser_of("operator"), browser_of("admin")
    seen = operator.post("/rollouts/new/preview/", HALF)
    assert "The fair" in text_of(seen)
    assert 'name="bypass"' not in text_of(seen)
    form = carried(seen, reason="Outage")
    assert operator.post("/rollouts/new/start/", form).status_code == 423
    assert operator.post("/rollouts/new/start/", form | {"bypass": "on"}).status_code == 403
    assert not Rollout.objects.exists()
    assert 'name="bypass"' in text_of(admin.post("/rollouts/new/preview/", HALF))
    assert admin.post("/rollouts/new/start/", form | {"bypass": "on"}).status_code == 302
    assert Rollout.objects.get().bypassed_by == "admin"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (HALF | {"weight:Group_1": "60"}, "not to 110"),
        (HALF | {"soak_scale": "fast"}, "The spec does not fit"),
        (HALF | {"soak_scale": "99"}, "The spec does not fit"),
        (PREFERRED | {"to": "nonsense"}, "The spec does not fit"),
        ({"kind": "nothing"}, "There is no kind 'nothing'"),
        ({"kind": "tls_mode", "application": "nobody", "to": "strict"}, "nobody"),
    ],
)
def test_a_wrong_form_is_answered_with_what_to_do(
    given: dict[str, str], sentence: str, browser_of: Browser
) -> None:
    answer = browser_of("operator").post("/rollouts/new/preview/", given)
    assert answer.status_code in (404, 422)
    assert sentence in text_of(answer)
    assert "Not done." in text_of(answer)


@pytest.mark.parametrize("field", ["wish", "plan"])
@pytest.mark.parametrize("text", ["", "{", "[1]", '{"kind": 5}', "x" * 300_000])
def test_a_form_that_lost_its_preview_is_asked_for_it_again(
    field: str, text: str, browser_of: Browser
) -> None:
    operator = browser_of("operator")
    form = carried(operator.post("/rollouts/new/preview/", HALF)) | {field: text}
    answer = operator.post("/rollouts/new/start/", form)
    assert answer.status_code == 422
    assert "preview it again" in text_of(answer)


def test_who_may_only_look_starts_nothing(browser_of: Browser) -> None:
    viewer = browser_of("viewer")
    form = carried(viewer.post("/rollouts/new/preview/", HALF))
    assert viewer.post("/rollouts/new/start/", form).status_code == 403
    assert not Rollout.objects.exists()


def test_nothing_to_change_is_said_instead_of_an_empty_plan(browser_of: Browser) -> None:
    an_application("empty")
    given = {"kind": "tls_mode", "application": "empty", "to": "preferred"}
    text = text_of(browser_of("operator").post("/rollouts/new/preview/", given))
    assert "There is nothing to change." in text


def test_healing_is_chosen_by_its_level_and_previewed_with_what_it_would_have_done(
    browser_of: Browser,
) -> None:
    browser = browser_of("operator")
    form = browser.get("/rollouts/new/", {"kind": "healing_mode", "application": "order"})
    assert 'value="ejection_mode:report"' in text_of(form)
    wish = {"kind": "healing_mode", "application": "order", "level": "ejection_mode:eject"}
    shown = browser.post("/rollouts/new/preview/", wish)
    said = text_of(shown)
    assert "What it would have done" in said
    assert "no caller found an instance failing there" in said
    assert "It lets healing do more than it may now." in said
    assert "Ejection by callers of order to eject" in said
    made = browser.post("/rollouts/new/start/", carried(shown, confirm="order"))
    assert made.status_code == 302, text_of(made)
    assert Rollout.objects.get().state == RolloutState.AWAITING_APPROVAL


def test_a_kill_switch_for_rollouts_is_in_the_way_of_a_start(browser_of: Browser) -> None:
    switch_engage(switch="rollouts", reason="Fair week.", actor="eve", now=timezone.now())
    shown = browser_of("operator").post("/rollouts/new/preview/", PREFERRED)
    said = text_of(shown)
    assert "the kill switch for rollouts is engaged by eve: Fair week." in said
    refused = browser_of("operator").post("/rollouts/new/start/", carried(shown))
    assert refused.status_code == 409
    assert "Let it go first." in text_of(refused)
    assert not Rollout.objects.exists()
