"""The automation page: guard rails with bounds, the brake on every page, forms that say why not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from meshconsole.healing.guards.selectors import kill_switches, policy_of
from meshconsole.healing.models import MaintenanceWindow, ProtectedHours
from tests.factories import an_instance

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db
Browser = Callable[[str], "Client"]


def test_a_fresh_install_says_what_it_may_do(browser_of: Browser) -> None:
    an_instance()
    html = browser_of("viewer").get("/automation/").content.decode()
    for said in ("Only says what it would do.", "cooldown_seconds", "5 s to 1 h", "as the mesh"):
        assert said in html
    assert "ask-engage" not in html


def test_a_brake_is_on_every_page_until_it_is_let_go(browser_of: Browser) -> None:
    client = browser_of("approver")
    form = {"switch": "healing", "application": "", "reason": "Odd.", "confirm": "yes"}
    refused = client.post("/automation/engage/", form)
    assert refused.status_code == 422
    assert "Type mesh.local to confirm" in refused.content.decode()
    done = client.post("/automation/engage/", form | {"confirm": "mesh.local"})
    assert done["Location"] == "/automation/"
    for page in ("/", "/approvals/", "/automation/brakes/"):
        assert "Kill switch: healing" in client.get(page).content.decode()
    pk = kill_switches().get().pk
    client.post(f"/automation/release/{pk}/", {"reason": "Well."})
    assert "Kill switch: healing" not in client.get("/").content.decode()


def test_a_policy_is_put_in_force_by_form_and_refused_by_role(browser_of: Browser) -> None:
    an_instance()
    url = "/automation/policy/order/"
    form = {"version": "0", "mode": "approve_all", "cooldown_seconds": "60", "reason": "Agreed."}
    refused = browser_of("operator").post(url, form)
    assert refused.status_code == 403
    assert "an approver has to put it in force" in refused.content.decode()
    assert 'value="60"' in refused.content.decode()
    done = browser_of("approver").post(url, form)
    assert done.status_code == 302
    policy = policy_of("order")
    assert (policy.mode, policy.numbers["cooldown_seconds"]) == ("approve_all", 60)
    stale = browser_of("approver").post(url, form | {"cooldown_seconds": "90"})
    assert stale.status_code == 409


@pytest.mark.parametrize(
    ("field", "given", "said"),
    [
        ("cooldown_seconds", "soon", "is not a number"),
        ("mesh_out", "1e9", "mesh_out is from 1 to 100"),
        ("actuator_settings", "[1]", "one JSON object"),
        ("actuator_settings", '{"password": "x"}', "choose it in the same policy"),
        ("version", "x", "load it again"),
        ("reason", "", "Say why"),
    ],
)
def test_a_form_that_is_wrong_says_so(
    browser_of: Browser, field: str, given: str, said: str
) -> None:
    form = {"version": "0", "mode": "observe", "reason": "Agreed."} | {field: given}
    answer = browser_of("admin").post("/automation/policy/", form)
    assert answer.status_code == 422
    assert said in answer.content.decode()


def test_windows_and_hours_by_form(browser_of: Browser) -> None:
    an_instance()
    client = browser_of("approver")
    form = {"scope": "instance", "name": "order-1", "minutes": "120", "reason": "New disks."}
    client.post("/automation/window/", form)
    window = MaintenanceWindow.objects.get()
    assert (window.ends_at - window.begins_at).total_seconds() == 7200
    wrong = client.post("/automation/window/", form | {"begins_at": "tomorrow"})
    assert "Write a time as" in wrong.content.decode()
    hours = {"weekdays": ["1", "2"], "begins": "09:00", "ends": "17:00", "reason": "Trade."}
    client.post("/automation/hours/", hours)
    row = ProtectedHours.objects.get()
    html = client.get("/automation/").content.decode()
    assert "Mon, Tue 09:00–17:00 UTC" in html
    assert "New disks." in html
    client.post(f"/automation/window/{window.pk}/", {"reason": "Done."})
    client.post(f"/automation/hours/{row.pk}/", {"reason": "Done."})
    html = client.get("/automation/").content.decode()
    assert "Nobody works on anything" in html
    assert "No hours are protected" in html
