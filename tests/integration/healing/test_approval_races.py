"""Many answer at once: one decision, each person once, and the others are told so."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction

from meshconsole.audit.models import AuditEntry
from meshconsole.core.errors import MeshError
from meshconsole.healing.approvals.votes import approval_vote
from meshconsole.healing.cases.approval_models import ApprovalVote
from meshconsole.healing.cases.approvals import approval_use, approvals_expire
from meshconsole.healing.cases.models import HealingCase
from meshconsole.healing.cases.voting import Decision
from tests.harness.approvals import NOW, an_approval
from tests.harness.wait import eventually

pytestmark = pytest.mark.django_db(transaction=True)
CLIENTS = 8
ROUNDS = 5


def at_once(*acts: Callable[[], str]) -> Counter[str]:
    """Run them as near to each other as threads can be; counts what each says."""
    said: list[str] = []
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], str]) -> None:
        try:
            start.wait(timeout=30)
            said.append(act())
        except MeshError as error:
            said.append(f"{error.status} {error.code}")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return Counter(said)


def voter(pk: int, user: str, decision: Decision) -> Callable[[], str]:
    def act() -> str:
        done = approval_vote(
            pk=pk, user=user, decision=decision, reason="Now.", now=NOW, confirm="order-1"
        )
        return done.state

    return act


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_of_many_answers_one_decides(turn: int) -> None:
    approval = an_approval(asked_by="ann")
    words: list[Decision] = ["approve", "reject"]
    said = at_once(*(voter(approval.pk, f"p{n}", words[n % 2]) for n in range(CLIENTS)))
    assert said["approved"] + said["rejected"] == 1
    assert said["409 decided"] == CLIENTS - 1
    assert ApprovalVote.objects.count() == 1
    decided = AuditEntry.objects.filter(verb__in=["approval_granted", "approval_refused"])
    assert decided.count() == 1


def test_two_at_once_are_two_persons_and_one_person_twice_is_one() -> None:
    approval = an_approval(action="remove", needed=2)
    said = at_once(*(voter(approval.pk, "bob", "approve") for _ in range(4)))
    assert said == {"pending": 1, "409 voted": 3}
    said = at_once(*(voter(approval.pk, user, "approve") for user in ("bob", "cleo", "dora")))
    assert said["approved"] == 1
    assert ApprovalVote.objects.values("user").distinct().count() == 2


def test_an_approval_is_spent_by_one_of_two_schedulers() -> None:
    approval = an_approval()
    voter(approval.pk, "bob", "approve")()

    def use() -> str:
        refusal = approval_use(approval.case, approval.plan_hash, now=NOW)
        return refusal.code if refusal else "used"

    said = at_once(*(use for _ in range(4)))
    assert said == {"used": 1, "not_approved": 3}


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
@pytest.mark.parametrize(
    ("other", "outcome"),
    [
        ("vote", {"not_approved": 1, "approved": 1}),
        ("expiry", {"used": 1, "0 expired": 1}),
    ],
)
def test_people_and_the_healer_lock_in_one_order(other: str, outcome: dict[str, int]) -> None:
    """The healer has the case and wants its approval; a person or the end of time comes then."""
    approval = an_approval()
    HealingCase.objects.update(due_at=NOW + timedelta(minutes=5))
    if other == "expiry":
        voter(approval.pk, "bob", "approve")()
    held = threading.Event()

    def healer() -> str:
        with transaction.atomic():
            HealingCase.objects.select_for_update().get(pk=approval.case_id)
            held.set()
            eventually(_is_somebody_waiting, what="the other waits for the case")
            refusal = approval_use(approval.case, approval.plan_hash, now=NOW)
        return refusal.code if refusal else "used"

    def second() -> str:
        held.wait(timeout=30)
        if other == "vote":
            return voter(approval.pk, "bob", "approve")()
        return f"{approvals_expire(now=approval.expires_at)} expired"

    assert at_once(healer, second) == outcome


def _is_somebody_waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])
