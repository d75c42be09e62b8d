"""Who may do what to a rollout, when; each verb twice is once, and a wrong one is 409 with why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from meshconsole.audit.models import AuditEntry
from meshconsole.core.errors import Conflict, Forbidden, Frozen, Invalid, NotFound
from meshconsole.inventory.models import Application
from meshconsole.rollouts import services
from meshconsole.rollouts.freezes import freeze_create, freeze_end
from meshconsole.rollouts.models import Decision, Rollout
from meshconsole.rollouts.states import RolloutState
from meshconsole.steering.models import Route
from tests.factories import an_instance
from tests.harness.rollouts import Mesh

pytestmark = pytest.mark.django_db
SPEC = {"split": {"Group_1": 50, "Group_2": 50}, "soak_scale": 0.02}


def do(verb: str, row: Rollout, mesh: Mesh, actor: str = "ann", **more: Any) -> Rollout:
    does = getattr(services, f"rollout_{verb}")
    done: Rollout = does(pk=row.pk, actor=actor, now=mesh.now, **more)
    return done


def draft(mesh: Mesh, **more: Any) -> Rollout:
    given: dict[str, Any] = {"kind": "route_table", "application": "order", "spec": SPEC}
    return services.rollout_create(actor="ann", now=mesh.now, **(given | more))


def started(mesh: Mesh, **more: Any) -> Rollout:
    row = draft(mesh, **more)
    do("plan", row, mesh)
    return do("start", row, mesh)


def test_a_draft_is_planned_before_it_is_started(mesh: Mesh) -> None:
    row = draft(mesh)
    with pytest.raises(Conflict, match="that is draft cannot be started"):
        do("start", row, mesh)
    assert do("plan", row, mesh).state == RolloutState.PREVIEWED
    assert do("plan", row, mesh).state == RolloutState.PREVIEWED
    assert do("start", row, mesh).state == RolloutState.APPROVED
    assert do("start", row, mesh).state == RolloutState.APPROVED
    verbs = list(Decision.objects.values_list("verb", flat=True))
    assert verbs == ["created", "planned", "cleared"]
    assert AuditEntry.objects.filter(object=f"rollout:{row.pk}").count() == 3


def test_the_same_key_makes_one_rollout(mesh: Mesh) -> None:
    one = draft(mesh, request_key="k1")
    assert draft(mesh, request_key="k1").pk == one.pk
    assert draft(mesh, request_key="k2").pk != one.pk
    assert draft(mesh).pk != draft(mesh).pk


@pytest.mark.parametrize(
    ("kind", "application", "spec", "pointer"),
    [
        ("nothing", "order", {}, "/kind"),
        ("route_table", "order", {}, "/spec"),
        ("route_table", "order", {"split": {"Group_1": 10}}, "/spec/split"),
        ("route_table", "order", {"split": {"Nobody": 100}}, "/spec/split/Nobody"),
        ("route_table", "order", SPEC | {"soak_scale": 0}, "/spec/soak_scale"),
        ("route_table", "order", SPEC | {"min_requests": "many"}, "/spec/min_requests"),
        ("route_table", "order", SPEC | {"speed": 9}, "/spec"),
    ],
)
def test_a_wrong_wish_is_refused_with_its_place(
    mesh: Mesh, kind: str, application: str, spec: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(Invalid) as refused:
        draft(mesh, kind=kind, application=application, spec=spec)
    assert refused.value.errors[0]["pointer"] == pointer
    with pytest.raises(NotFound):
        draft(mesh, application="nobody")
    assert not Rollout.objects.exists()


def test_one_rollout_owns_what_it_changes(mesh: Mesh) -> None:
    first = started(mesh)
    with pytest.raises(Conflict, match=f"Rollout {first.pk} changes the same thing") as refused:
        started(mesh)
    assert refused.value.current_state["id"] == first.pk
    do("abort", first, mesh)
    assert started(mesh).state == RolloutState.APPROVED


def test_a_critical_application_asks_somebody_else(mesh: Mesh) -> None:
    Application.objects.update(tier="critical")
    row = started(mesh)
    assert (row.state, row.approval) == ("awaiting_approval", "order is critical.")
    mesh.run(5)
    row.refresh_from_db()
    assert row.state == "awaiting_approval"
    with pytest.raises(Forbidden, match="Somebody else"):
        do("approve", row, mesh)
    assert do("approve", row, mesh, actor="bob").state == RolloutState.APPROVED
    assert do("approve", row, mesh, actor="bob").approved_by == "bob"


def test_an_application_that_became_critical_since_the_plan_asks_somebody_else(mesh: Mesh) -> None:
    row = draft(mesh)
    do("plan", row, mesh)
    Application.objects.update(tier="critical")
    assert do("start", row, mesh).state == RolloutState.AWAITING_APPROVAL


def test_a_bypass_is_named_and_needs_a_reason(mesh: Mesh) -> None:
    Application.objects.update(tier="critical")
    row = draft(mesh)
    do("plan", row, mesh)
    with pytest.raises(Invalid, match="say why"):
        do("start", row, mesh, bypass=True)
    row = do("start", row, mesh, bypass=True, reason="outage")
    assert (row.state, row.bypassed_by) == (RolloutState.APPROVED, "ann")


def test_a_bypass_goes_past_an_approval_that_is_awaited(mesh: Mesh) -> None:
    Application.objects.update(tier="critical")
    row = started(mesh)
    assert do("start", row, mesh).state == RolloutState.AWAITING_APPROVAL
    row = do("start", row, mesh, bypass=True, reason="outage")
    assert (row.state, row.bypassed_by) == (RolloutState.APPROVED, "ann")
    assert Decision.objects.latest("pk").why == "outage"
    mesh.until_wave(row, 1)


def test_a_mesh_that_changed_since_the_preview_is_looked_at_again(mesh: Mesh) -> None:
    row = draft(mesh)
    do("plan", row, mesh)
    an_instance("order-99", group="Group_2")
    with pytest.raises(Conflict, match="changed since the preview"):
        do("start", row, mesh)
    do("plan", row, mesh)
    assert do("start", row, mesh).state == RolloutState.APPROVED


def test_nothing_begins_in_a_freeze_and_a_wave_waits_for_its_end(mesh: Mesh) -> None:
    row = draft(mesh)
    do("plan", row, mesh)
    ends = mesh.now + timedelta(seconds=40)
    window = freeze_create(
        begins_at=mesh.now, ends_at=ends, reason="fair", actor="bob", now=mesh.now
    )
    with pytest.raises(Frozen, match="fair") as frozen:
        do("start", row, mesh)
    assert (frozen.value.status, frozen.value.retry_after_seconds) == (423, 41)
    freeze_end(pk=window.pk, actor="bob", now=mesh.now)
    do("start", row, mesh)
    freeze_create(begins_at=mesh.now, ends_at=ends, reason="fair", actor="bob", now=mesh.now)
    mesh.run(20)
    row.refresh_from_db()
    assert (row.state, row.note) == (RolloutState.PROGRESSING, "Frozen: fair")
    assert not Route.objects.exists()
    mesh.run(30)
    assert Route.objects.exists()


def test_a_bypass_goes_past_the_freezes_of_its_time_and_no_later_one(mesh: Mesh) -> None:
    row = draft(mesh)
    do("plan", row, mesh)
    ends = mesh.now + timedelta(hours=1)
    freeze_create(begins_at=mesh.now, ends_at=ends, reason="fair", actor="bob", now=mesh.now)
    do("start", row, mesh, bypass=True, reason="outage")
    mesh.until_wave(row, 1)
    freeze_create(begins_at=mesh.now, ends_at=ends, reason="fire", actor="bob", now=mesh.now)
    with pytest.raises(Frozen, match="fire"):
        do("promote", row, mesh, reason="never mind")
    mesh.run(60, stop=lambda: row.waves.get(number=1).state == "passed")
    mesh.run(5)
    row.refresh_from_db()
    assert (row.note, row.waves.get(number=2).state) == ("Frozen: fire", "planned")


def test_a_paused_rollout_writes_nothing_and_soaks_anew(mesh: Mesh) -> None:
    row = started(mesh)
    mesh.run(6)
    assert do("pause", row, mesh).state == RolloutState.PAUSED
    assert do("pause", row, mesh).state == RolloutState.PAUSED
    split = Route.objects.get().split
    mesh.run(60)
    assert Route.objects.get().split == split
    do("resume", row, mesh)
    assert do("resume", row, mesh).state == RolloutState.PROGRESSING
    assert mesh.finish(row) == RolloutState.COMPLETED


def test_what_no_gate_has_passed_passes_by_a_persons_word_with_a_reason(mesh: Mesh) -> None:
    for name in mesh.names:
        mesh.of(name).requests_per_second = 0
    row = started(mesh)
    assert mesh.finish(row) == RolloutState.PAUSED
    with pytest.raises(Invalid, match="say why"):
        do("promote", row, mesh)
    do("promote", row, mesh, reason="there is no traffic at night")
    wave = row.waves.get(number=1)
    assert (wave.state, wave.promoted_by) == ("passed", "ann")
    mesh.run(5)
    assert row.waves.get(number=2).state == "soaking"


def test_what_a_gate_failed_or_a_sidecar_lacks_passes_by_nobodys_word(mesh: Mesh) -> None:
    row = started(mesh)
    mesh.silent.add("order-2")
    assert mesh.finish(row) == RolloutState.PAUSED
    with pytest.raises(Conflict, match="does not have it in force"):
        do("promote", row, mesh, reason="never mind")
    mesh.silent.clear()
    do("resume", row, mesh)
    mesh.run(5)
    for number in (7, 8, 9):
        mesh.of(f"order-{number}").error_share = 1.0
    wave = row.waves.get(number=1)
    mesh.run(30, stop=lambda: wave.evaluations.filter(verdict="fail").exists())
    with pytest.raises(Conflict, match="A gate failed"):
        do("promote", row, mesh, reason="never mind")


def test_an_abort_before_the_begin_is_the_end_and_after_it_the_way_back(mesh: Mesh) -> None:
    row = draft(mesh)
    assert do("abort", row, mesh).state == RolloutState.ROLLED_BACK
    row = started(mesh)
    mesh.run(4)
    before = {"Group_1": 66.67, "Group_2": 33.33}
    assert Route.objects.get().split != before
    assert do("abort", row, mesh).state == RolloutState.ROLLING_BACK
    assert do("rollback", row, mesh).state == RolloutState.ROLLING_BACK
    assert mesh.finish(row) == RolloutState.ROLLED_BACK
    assert Route.objects.get().split == before
    assert not row.waves.filter(targets__acked_at__isnull=False, state="applying").exists()


def test_what_cannot_be_undone_is_stuck_until_a_person_asks_again(mesh: Mesh) -> None:
    row = started(mesh)
    mesh.run(4)
    mesh.silent.add("order-1")
    do("rollback", row, mesh)
    assert mesh.finish(row) == RolloutState.STUCK
    assert "Not undone within 30 s: order-1" in row.note
    with pytest.raises(Conflict):
        do("resume", row, mesh)
    mesh.silent.clear()
    do("rollback", row, mesh)
    assert mesh.finish(row) == RolloutState.ROLLED_BACK
