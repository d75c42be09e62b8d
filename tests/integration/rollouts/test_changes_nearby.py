"""What a rollout writes is found by healing as a change nearby, there and nowhere else."""

from __future__ import annotations

import pytest
from django.utils import timezone

from healer.casework.changes import changes_since
from healer.policy.changes import change_gate
from healer.policy.facts import CaseFacts, MeshFacts, Subject
from healer.policy.parameters import Policy
from meshconsole.audit.models import AuditEntry
from meshconsole.healing.casebook.surroundings import changes_near
from meshconsole.healing.models import HealingCase
from meshconsole.rollouts.models import Rollout
from meshconsole.rollouts.services import (
    rollout_create,
    rollout_plan,
    rollout_rollback,
    rollout_start,
)
from meshconsole.rollouts.states import RolloutState
from tests.factories import an_instance
from tests.harness.rollouts import Mesh, follow_modes

pytestmark = pytest.mark.django_db


@pytest.fixture
def row(mesh: Mesh) -> Rollout:
    mesh.each_second = follow_modes
    follow_modes(mesh)
    mesh.begin()
    made = rollout_create(
        kind="tls_mode",
        application="order",
        spec={"to": "preferred", "soak_scale": 0.01, "min_requests": 100},
        actor="ann",
        now=mesh.now,
    )
    rollout_plan(pk=made.pk, actor="ann", now=mesh.now)
    return rollout_start(pk=made.pk, actor="ann", now=mesh.now)


def is_near(mesh: Mesh, app: str, unit: str) -> str:
    """What the gate says of an instance there; empty when nothing is near."""
    facts = MeshFacts(changes=changes_since(mesh.now, seconds=600))
    case = CaseFacts(
        case="1", state="gated", since=mesh.now.timestamp(),
        subject=Subject(instance="any", app=app, unit=unit),
    )  # fmt: skip
    gate = change_gate(case, facts, Policy())
    return "" if gate.ok else gate.reason


def test_a_wave_is_near_where_it_was_written_and_not_elsewhere(mesh: Mesh, row: Rollout) -> None:
    an_instance("stock-1", application="stock", unit="unit9")
    assert not is_near(mesh, "order", "unit1")
    mesh.until_wave(row, 1)
    target = row.waves.get(number=1).targets.get()
    assert f"rollout of tls mode {row}" in is_near(mesh, "order", target.unit)
    assert not is_near(mesh, "stock", "unit9")
    (entry,) = AuditEntry.objects.filter(verb="wave_begun", object=f"rollout:{row}")
    assert entry.after is not None
    assert (entry.after["applications"], entry.after["units"], entry.after["instances"]) == (
        ["order"],
        [target.unit],
        [target.instance],
    )


def test_what_is_rolled_back_is_a_change_too(mesh: Mesh, row: Rollout) -> None:
    mesh.until_wave(row, 1)
    mesh.run(1)
    rollout_rollback(pk=row.pk, actor="ann", now=mesh.now)
    assert mesh.finish(row) == RolloutState.ROLLED_BACK
    ages = [change.age_seconds for change in changes_since(mesh.now, seconds=600)]
    assert min(ages) < 10
    assert AuditEntry.objects.filter(verb="wave_reverting", object=f"rollout:{row}").count() == 1


def test_the_page_of_a_case_shows_the_wave_with_its_link(mesh: Mesh, row: Rollout) -> None:
    mesh.until_wave(row, 1)
    # The audit trail has the clock of the box, not that of the made mesh.
    now = timezone.now()
    case = HealingCase.objects.create(
        instance="order-1", app="order", unit="unit1", state="cooling", since=now, opened_at=now
    )
    (begun,) = [change for change in changes_near(case) if change.verb == "wave_begun"]
    assert (begun.object, begun.url) == (f"rollout:{row}", f"/rollouts/{row}/")
