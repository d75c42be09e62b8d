"""What is asked about a plan is answered once, by others, in time, and spent once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from meshconsole.audit.models import AuditEntry
from meshconsole.core.errors import Conflict, Forbidden, Invalid, NotFound
from meshconsole.healing.approvals.votes import approval_override, approval_vote
from meshconsole.healing.cases.approval_models import Approval
from meshconsole.healing.cases.approvals import (
    approval_of,
    approval_request,
    approval_standing,
    approval_use,
    approval_withdraw,
    approvals_expire,
)
from meshconsole.healing.cases.models import HealingCase
from meshconsole.healing.cases.voting import Decision, Seen
from meshconsole.live.models import LiveEvent
from tests.harness.approvals import NOW, a_plan, an_approval

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


def vote(approval: Approval, user: str, decision: Decision = "approve", **given: object) -> str:
    done = approval_vote(
        pk=approval.pk,
        user=user,
        decision=decision,
        reason="Seen it.",
        now=NOW,
        **given,  # type: ignore[arg-type]
    )
    return done.state


def test_one_word_of_another_person_approves_and_wakes_the_case() -> None:
    approval = an_approval(asked_by="ann")
    HealingCase.objects.update(due_at=NOW + timedelta(minutes=5))
    with pytest.raises(Forbidden, match="Somebody else"):
        vote(approval, "ann")
    assert vote(approval, "bob") == "approved"
    case = HealingCase.objects.get()
    assert case.due_at == NOW
    standing = approval_standing(case)
    assert standing is not None
    assert (standing.state, standing.approvers) == ("approved", ("bob",))
    verbs = list(AuditEntry.objects.order_by("sequence").values_list("verb", "actor"))
    assert verbs[-2:] == [("approval_approve", "bob"), ("approval_granted", "bob")]
    kinds = LiveEvent.objects.filter(topic="approvals").values_list("kind", flat=True)
    assert list(kinds) == ["approval_requested", "approval_granted"]


def test_a_late_or_double_answer_is_told_how_it_stands() -> None:
    approval = an_approval()
    vote(approval, "bob", "reject")
    with pytest.raises(Conflict) as caught:
        vote(approval, "cleo")
    assert caught.value.status == 409
    assert caught.value.current_state["state"] == "rejected"
    assert caught.value.code == "decided"


def test_a_word_for_another_version_or_plan_does_not_count() -> None:
    approval = an_approval()
    for seen in (Seen(version=approval.version + 1), Seen(plan_hash="0" * 64)):
        with pytest.raises(Conflict):
            vote(approval, "bob", seen=seen)
    assert vote(approval, "bob", seen=Seen(version=1, plan_hash=approval.plan_hash)) == "approved"


def test_a_removal_needs_two_persons_and_its_name_typed() -> None:
    approval = an_approval(action="remove", needed=2)
    with pytest.raises(Invalid, match="Type order-1"):
        vote(approval, "bob")
    assert vote(approval, "bob", confirm="order-1") == "pending"
    with pytest.raises(Conflict, match="decided already"):
        vote(approval, "bob", confirm="order-1")
    assert vote(approval, "cleo", confirm="order-1") == "approved"


def test_one_rejection_ends_it_however_many_approved() -> None:
    approval = an_approval(action="remove", needed=2)
    vote(approval, "bob", confirm="order-1")
    assert vote(approval, "cleo", "reject") == "rejected"
    standing = approval_standing(approval.case)
    assert standing is not None
    assert standing.rejected_by == "cleo"


def test_a_reason_is_needed() -> None:
    approval = an_approval()
    with pytest.raises(Invalid, match="Say why"):
        approval_vote(pk=approval.pk, user="bob", decision="approve", reason=" ", now=NOW)
    with pytest.raises(NotFound):
        approval_vote(pk=0, user="bob", decision="approve", reason="x", now=NOW)


def test_nobody_answers_and_nothing_is_done() -> None:
    approval = an_approval()
    assert approvals_expire(now=approval.expires_at - SECOND) == 0
    assert approvals_expire(now=approval.expires_at) == 1
    assert approvals_expire(now=approval.expires_at) == 0
    approval.refresh_from_db()
    assert approval.state == "expired"
    with pytest.raises(Conflict):
        vote(approval, "bob")


def test_an_answer_after_the_end_does_not_wait_for_the_healer_to_say_so() -> None:
    approval = an_approval()
    with pytest.raises(Conflict, match="expired"):
        approval_vote(
            pk=approval.pk, user="bob", decision="approve", reason="x", now=approval.expires_at
        )


def test_another_plan_is_another_question() -> None:
    first = an_approval()
    assert approval_request(first.case, a_plan(), 1, first.expires_at, now=NOW) == first
    second = approval_request(first.case, a_plan(rung=3), 1, first.expires_at, now=NOW)
    first.refresh_from_db()
    assert (first.state, second.state) == ("withdrawn", "pending")
    assert approval_of(first.case) == second
    with pytest.raises(Conflict):
        vote(first, "bob")


def test_what_is_approved_is_spent_once_and_on_its_own_plan() -> None:
    approval = an_approval()
    case, plan = approval.case, approval.plan_hash
    refusal = approval_use(case, plan, now=NOW)
    assert refusal is not None
    assert refusal.code == "not_approved"
    vote(approval, "bob")
    refusal = approval_use(case, "0" * 64, now=NOW)
    assert refusal is not None
    assert refusal.code == "plan_changed"
    assert approval_use(case, plan, now=NOW) is None
    refusal = approval_use(case, plan, now=NOW)
    assert refusal is not None


def test_what_is_approved_and_not_begun_runs_out_or_is_withdrawn() -> None:
    approval = an_approval()
    vote(approval, "bob")
    refusal = approval_use(approval.case, approval.plan_hash, now=approval.expires_at)
    assert refusal is not None
    assert refusal.code == "expired"
    assert approval_withdraw(approval.case, "The evidence is gone.", now=NOW)
    assert not approval_withdraw(approval.case, "Again.", now=NOW)
    assert approval_use(approval.case, approval.plan_hash, now=NOW) is not None


def test_an_emergency_goes_past_votes_with_a_name_and_a_reason_but_not_past_time() -> None:
    approval = an_approval(action="remove", needed=2, asked_by="root")
    with pytest.raises(Invalid):
        approval_override(pk=approval.pk, user="root", reason="", now=NOW, confirm="order-1")
    with pytest.raises(Conflict):
        approval_override(
            pk=approval.pk, user="root", reason="Fire.", now=approval.expires_at, confirm="order-1"
        )
    approval_override(pk=approval.pk, user="root", reason="Fire.", now=NOW, confirm="order-1")
    entry = AuditEntry.objects.get(verb="approval_overridden")
    assert (entry.actor, entry.reason) == ("root", "Fire.")
    assert approval_use(approval.case, approval.plan_hash, now=NOW) is None


def test_a_vote_that_is_rolled_back_was_never_cast() -> None:
    approval = an_approval()
    with transaction.atomic():
        vote(approval, "bob")
        transaction.set_rollback(True)
    assert approval.votes.count() == 0
    assert vote(approval, "bob") == "approved"
