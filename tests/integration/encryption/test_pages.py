"""Pages of encryption: their four states, their forms, and what each role may do there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from meshconsole.encryption.authority import key_identifier
from meshconsole.encryption.keeping import authority_ensure
from meshconsole.encryption.models import Authority, Certificate
from meshconsole.encryption.selectors import policy_get
from meshconsole.encryption.services import callers_set, mode_default_set, modes_set
from meshconsole.telemetry.reader import EDGES
from proxy.contract.reports import LinkCounts
from proxy.contract.snapshot import Caller
from tests.factories import an_instance
from tests.harness.links import calls_counted, links_said

pytestmark = pytest.mark.django_db
Browser = Callable[[str], Client]
BY: dict[str, Any] = {"actor": "ann", "reason": ""}
MESH, CERTIFICATES = "/encryption/", "/encryption/certificates/"
ORDER = "/applications/order/encryption/"


@pytest.fixture(autouse=True)
def _fresh() -> None:
    EDGES.forget()


@pytest.fixture
def order() -> None:
    an_instance("order-1")
    an_instance("order-2")
    an_instance("gateway-1", application="gateway")


def text(client: Client, path: str, **query: str) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200
    return answer.content.decode()


def post(client: Client, path: str, **fields: str) -> Any:
    return client.post(path, {"version": "0", "reason": "because"} | fields)


@pytest.mark.usefixtures("mesh_redis")
def test_an_empty_mesh_says_what_will_come(browser_of: Browser) -> None:
    client = browser_of("viewer")
    assert "No application yet" in text(client, MESH)
    empty = text(client, CERTIFICATES)
    assert "No authority yet" in empty
    assert "No certificate yet" in empty


@pytest.mark.usefixtures("order")
def test_without_redis_the_pages_say_so_and_modes_stay(browser_of: Browser) -> None:
    client = browser_of("viewer")
    mode_default_set("order", "preferred", **BY)
    page = text(client, MESH)
    assert "Redis does not answer" in page
    assert "2 preferred" in page
    authority_ensure(timezone.now())
    assert "not known" in text(client, CERTIFICATES)
    assert "No live figures now" in text(client, ORDER)


def test_a_stranger_sees_nothing(browser_of: Browser) -> None:
    for path in (MESH, CERTIFICATES, ORDER):
        assert browser_of("stranger").get(path).status_code == 403


@pytest.mark.usefixtures("mesh_redis", "order")
def test_the_mesh_shows_modes_traffic_and_what_is_in_the_way(browser_of: Browser) -> None:
    calls_counted("gateway", "order", plain=5, encrypted=15)
    modes_set("order", {"order-1": "preferred"}, **BY)
    links_said("order-1", ready=True)
    page = text(browser_of("viewer"), MESH)
    assert "75.0%" in page
    assert "1 preferred" in page
    assert "gateway sent 5 requests in plaintext to order" in page
    assert "/topology/?q=app:order%20tls:no" in page
    assert "/rollouts/new/?kind=tls_mode&amp;application=order" in page
    assert 'href="/encryption/?mode=strict"' in page
    found = text(browser_of("viewer"), MESH, mode="preferred")
    assert 'id="encryption-order"' in found
    assert 'id="encryption-gateway"' not in found
    assert "No application is like this" in text(browser_of("viewer"), MESH, q="nothing")


@pytest.mark.usefixtures("mesh_redis", "order")
def test_an_application_shows_its_callers_and_its_ledger(browser_of: Browser) -> None:
    calls_counted("gateway", "order", encrypted=20)
    callers_set("order", [Caller(app="web")], "observe", **BY)
    edge = LinkCounts(
        side="out", app="order", protocol="http1", generation="abc", started=9, completed=9
    )
    links_said("gateway-1", app="gateway", edges=(edge,))
    page = text(browser_of("viewer"), ORDER)
    assert "would be refused" in page
    assert "cut of 9 requests" in page
    assert "gateway → order" in page


@pytest.mark.usefixtures("mesh_redis", "order")
def test_an_application_shows_what_strict_refused(browser_of: Browser) -> None:
    links_said("order-2", mode="strict", plain_refused=3, plain_sources=("10.0.0.9",))
    page = text(browser_of("viewer"), ORDER)
    assert "order-2 has refused plaintext 3 times since it started" in page
    assert "the latest from 10.0.0.9" in page


@pytest.mark.usefixtures("order")
def test_modes_are_set_by_the_form_and_those_it_does_not_show_stay(browser_of: Browser) -> None:
    modes_set("order", {"order-2": "permissive"}, **BY)
    client = browser_of("operator")
    form = {"mode": "permissive", "mode:order-1": "preferred", "version": "1"}
    assert post(client, f"{ORDER}modes/", **form).status_code == 302
    policy = policy_get("order")[1]
    assert policy.mode == "permissive"
    assert policy.instances == {"order-1": "preferred", "order-2": "permissive"}
    form = {"mode": "permissive", "mode:order-1": "", "version": "2"}
    assert post(client, f"{ORDER}modes/", **form).status_code == 302
    assert policy_get("order")[1].instances == {"order-2": "permissive"}


@pytest.mark.usefixtures("order")
def test_the_audit_of_an_application_has_its_encryption(browser_of: Browser) -> None:
    mode_default_set("order", "preferred", actor="ann", reason="the plan of Monday")
    assert "the plan of Monday" in text(browser_of("viewer"), "/applications/order/audit/")


@pytest.mark.usefixtures("order")
def test_a_form_that_came_too_late_is_told_who_was_first(browser_of: Browser) -> None:
    mode_default_set("order", "preferred", **BY)
    answer = post(browser_of("operator"), f"{ORDER}modes/", mode="permissive")
    assert answer.status_code == 409
    assert "somebody else was first" in answer.content.decode()
    assert post(browser_of("viewer"), f"{ORDER}modes/", mode="strict").status_code == 403


@pytest.mark.usefixtures("order")
def test_strict_by_the_form_is_forced_by_an_admin_who_types_the_name(browser_of: Browser) -> None:
    admin = browser_of("admin")
    refused = post(admin, f"{ORDER}modes/", mode="strict")
    assert refused.status_code == 422
    assert "Type order to confirm" in refused.content.decode()
    assert f'hx-get="{ORDER}"' in refused.content.decode(), "it refreshes from where it is read"
    unsure = post(admin, f"{ORDER}modes/", mode="strict", force="on", confirm="odrer")
    assert unsure.status_code == 422
    forced = {"mode": "strict", "force": "on", "confirm": "order"}
    assert post(browser_of("operator"), f"{ORDER}modes/", **forced).status_code == 403
    assert post(admin, f"{ORDER}modes/", **forced).status_code == 302
    assert policy_get("order")[1].mode == "strict"


@pytest.mark.usefixtures("mesh_redis", "order")
def test_a_list_is_previewed_by_anybody_and_applied_by_an_operator(browser_of: Browser) -> None:
    calls_counted("gateway", "order", encrypted=7)
    preview = post(browser_of("viewer"), f"{ORDER}preview/", callers="app=web\nwhat")
    page = preview.content.decode()
    assert "<strong>7</strong> requests of gateway" in page
    assert "Line 2 is no rule" in page
    assert "app=web\nwhat</textarea>" in page
    client = browser_of("operator")
    wrong = post(client, f"{ORDER}callers/", callers="what", callers_mode="observe")
    assert wrong.status_code == 422
    form = {"callers": "app=gateway unit=unit1\r\nunit=unit2", "callers_mode": "enforce"}
    assert post(client, f"{ORDER}callers/", **form).status_code == 302
    assert policy_get("order")[1].callers == (
        Caller(unit="unit2"), Caller(app="gateway", unit="unit1"),
    )  # fmt: skip


@pytest.mark.usefixtures("mesh_redis", "order")
def test_certificates_are_listed_once_per_identity_with_what_is_left(browser_of: Browser) -> None:
    row = authority_ensure(timezone.now())
    a_certificate(row, "order-1", hours=-3)
    a_certificate(row, "order-1", hours=20)
    a_certificate(row, "order-2", hours=4)
    a_certificate(row, "order-old", hours=-90)
    client = browser_of("viewer")
    page = text(client, CERTIFICATES)
    assert page.count('id="certificate-') == 2
    assert "ends soon" in page
    assert "Certificates by when they end:" in page
    assert "order-old" not in page
    assert "order-old" in text(client, CERTIFICATES, all="1")
    assert text(client, CERTIFICATES, state="warn").count('id="certificate-') == 1
    assert "No certificate is like this" in text(client, CERTIFICATES, q="nobody")


@pytest.mark.usefixtures("mesh_redis", "order")
def test_a_rotation_by_pages_offers_only_the_step_that_is_due(browser_of: Browser) -> None:
    first = authority_ensure(timezone.now())
    admin = browser_of("admin")
    assert post(browser_of("approver"), "/encryption/authorities/add/").status_code == 403
    assert post(admin, "/encryption/authorities/add/").status_code == 302
    page = text(admin, CERTIFICATES)
    assert "3 of 3 sidecars do not trust it yet" in page
    assert 'data-opens="sign-2"' not in page
    early = post(admin, "/encryption/authorities/2/sign/", confirm=first.trust_domain)
    assert early.status_code == 409
    keys = tuple(key_identifier(one.certificate) for one in Authority.objects.all())
    for name in ("order-1", "order-2", "gateway-1"):
        links_said(name, trusts=keys, issuer=key_identifier(first.certificate))
    assert 'data-opens="sign-2"' in text(admin, CERTIFICATES)
    assert 'data-opens="sign-2"' not in text(browser_of("viewer"), CERTIFICATES)
    unsure = post(admin, "/encryption/authorities/2/sign/", confirm="mesh")
    assert unsure.status_code == 422
    assert f'hx-get="{CERTIFICATES}"' in unsure.content.decode()
    sure = post(admin, "/encryption/authorities/2/sign/", confirm=first.trust_domain)
    assert sure.status_code == 302
    assert "sidecars may hold a certificate of it" in text(admin, CERTIFICATES)


def a_certificate(row: Authority, instance: str, *, hours: float) -> None:
    now = timezone.now()
    ends_at = now + timedelta(hours=hours)
    Certificate.objects.create(
        serial=f"{Certificate.objects.count() + 1:x}",
        authority=row,
        uri=f"spiffe://mesh.local/unit/unit1/app/order/instance/{instance}",
        purpose=Certificate.Purpose.JOIN,
        key_sha256="0" * 64,
        begins_at=ends_at - timedelta(hours=24),
        ends_at=ends_at,
        issued_at=now,
    )
