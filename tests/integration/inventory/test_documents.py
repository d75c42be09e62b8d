"""Documents go in whole or not at all, and what comes out goes in again without a change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml
from rest_framework.test import APIClient

from meshconsole.audit.models import AuditEntry
from meshconsole.core import revision
from meshconsole.discovery.compiler import compile_revision
from meshconsole.discovery.facts import facts_read
from meshconsole.documents import documents_apply, documents_export
from meshconsole.inventory.models import Application, Instance
from proxy.contract.check import check
from proxy.contract.snapshot import Snapshot
from tests.factories import an_application, an_instance

pytestmark = pytest.mark.django_db
MESH = """
apiVersion: meshconsole.io/v1
kind: Instance
metadata: {name: legacy-1, labels: {rack: r7}}
spec: {application: order, unit: unit1, group: Group_1, address: "10.0.0.1:80"}
---
apiVersion: meshconsole.io/v1
kind: Application
metadata: {name: order}
spec: {tier: critical, groups: [Group_1, Group_2], timeouts: {request_seconds: 3}}
---
apiVersion: meshconsole.io/v1
kind: Route
metadata: {name: order}
spec: {split: {Group_1: 90, Group_2: 10}}
---
apiVersion: meshconsole.io/v1
kind: Unit
metadata: {name: unit1}
spec: {kind: region}
"""


def test_documents_make_the_mesh_in_the_order_that_they_need() -> None:
    plan = documents_apply(MESH, actor="git")
    assert plan.applied
    assert [part.change.outcome for part in plan.planned] == ["created"] * 4
    row = Instance.objects.named_parts().get()
    assert (row.source, row.state, row.labels) == ("import", "serving", {"rack": "r7"})
    assert row.application.request_timeout_seconds == 3
    assert AuditEntry.objects.order_by("-sequence")[0].object == "documents:4"


def test_export_then_apply_is_a_fixed_point() -> None:
    documents_apply(MESH, actor="git")
    before, text = revision.current(), documents_export()
    plan = documents_apply(text, actor="git")
    assert [part.change.outcome for part in plan.planned] == ["unchanged"] * 4
    assert (revision.current(), documents_export()) == (before, text)


def test_how_callers_choose_and_try_goes_in_and_comes_out_again() -> None:
    spec = """
  balancer: maglev
  hash_on: header:x-account
  locality: prefer
  slow_start_seconds: 30
  protocol: http2
  retries: {limit: 1, statuses: [503, 502, 503], try_seconds: 2.5}
"""
    document = MESH.split("---")[1].replace("spec: {", "spec:\n" + spec + "  #")
    assert documents_apply(document, actor="git").applied
    row = Application.objects.get()
    assert (row.balancer, row.hash_on, row.locality) == ("maglev", "header:x-account", "prefer")
    assert (row.protocol, row.slow_start_seconds) == ("http2", 30.0)
    assert (row.retries, row.retry_on, row.try_timeout_seconds) == (1, [502, 503], 2.5)
    (again,) = documents_apply(documents_export(), actor="git").planned
    assert again.change.outcome == "unchanged"
    (service,) = compile_revision(facts_read().facts).services.values()
    assert check(Snapshot(service={service.name: service})) == []
    assert (service.balancer, service.hash_on, service.retry_on) == (
        "maglev",
        "header:x-account",
        (502, 503),
    )


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ("hash_on: query:x", "/spec/hash_on"),
        ("balancer: by_the_moon", "/spec/balancer"),
        ("retries: {limit: 11}", "/spec/retries/limit"),
        ("retries: {statuses: [500]}", "/spec/retries/statuses/0"),
        ("slow_start_seconds: -1", "/spec/slow_start_seconds"),
    ],
)
def test_what_no_sidecar_would_take_is_refused_by_its_place(wrong: str, pointer: str) -> None:
    document = MESH.split("---")[1].replace("spec: {", "spec: {" + wrong + ", ")
    assert [fault.pointer for fault in documents_apply(document, actor="git").faults] == [pointer]


def test_a_dry_run_says_it_all_and_does_nothing() -> None:
    plan = documents_apply(MESH, actor="git", dry_run=True)
    assert (plan.applied, len(plan.changed())) == (False, 4)
    assert not Application.objects.exists()
    assert not AuditEntry.objects.exists()
    assert revision.current() == 0


def test_one_fault_keeps_everything_out() -> None:
    broken = MESH.replace("unit: unit1", "unit: nowhere").replace("tier: critical", "tier: gold")
    plan = documents_apply(broken, actor="git")
    assert not plan.applied
    assert {(fault.kind, fault.pointer) for fault in plan.faults} == {
        ("Application", "/spec/tier"),
        ("Instance", "/spec/application"),
        ("Instance", "/spec/unit"),
        ("Instance", "/spec/group"),
        ("Route", ""),
    }
    assert not Application.objects.exists()


def test_a_document_from_an_older_version_does_not_undo_a_newer_one() -> None:
    documents_apply(MESH, actor="git")
    text = documents_export()
    Application.objects.update(balancer="least_request", version=2)
    plan = documents_apply(text, actor="git")
    assert [(fault.code, fault.pointer) for fault in plan.faults] == [
        ("conflict", "/metadata/revision")
    ]
    bare = yaml.safe_load_all(text)
    for document in (documents := list(bare)):
        document["metadata"].pop("revision")
    assert documents_apply(yaml.safe_dump_all(documents), actor="git").applied
    assert Application.objects.get().balancer == "round_robin"


def test_an_instance_with_a_sidecar_is_not_taken_over() -> None:
    an_instance("legacy-1")
    an_application("order")
    plan = documents_apply(MESH, actor="git")
    assert [fault.code for fault in plan.faults] == ["conflict"]


@pytest.mark.parametrize(
    "text",
    [
        "a: &x [1]\nb: *x",
        "[" * 40 + "]" * 40,
        "kind: [",
        "!!python/object/apply:os.system ['true']",
        b"\xff\xfe\x00",
        "a: \x00",
        'a: "\\0"',
        'a: !!binary "AAA="',
    ],
)
def test_what_is_not_plain_yaml_is_refused(api_of: Callable[[str], APIClient], text: str) -> None:
    answer = api_of("operator").post("/api/v1/apply", text, content_type="application/yaml")
    assert answer.status_code == 422, answer.content
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("text", ["just text", "- 1\n- [2]", "apiVersion: v9\nkind: Pod", "{}"])
def test_what_is_no_document_is_a_fault(api_of: Callable[[str], APIClient], text: str) -> None:
    answer = api_of("operator").post("/api/v1/apply", text, content_type="application/yaml")
    assert answer.status_code == 422, answer.content
    assert answer.json()["errors"]


def test_the_doors_of_documents(api_of: Callable[[str], APIClient]) -> None:
    api = api_of("operator")
    dry = api.post("/api/v1/apply?dry_run=1", MESH, content_type="application/yaml")
    assert (dry.status_code, dry.json()["applied"]) == (200, False)
    done = api.post("/api/v1/apply", MESH, content_type="application/yaml")
    assert done.json()["applied"] is True
    text = api.get("/api/v1/export")
    assert text["Content-Type"].startswith("application/yaml")
    again = api.post("/api/v1/apply", text.content, content_type="application/yaml").json()
    assert {part["outcome"] for part in again["plan"]} == {"unchanged"}
    assert api_of("viewer").post("/api/v1/apply", MESH).status_code == 403
