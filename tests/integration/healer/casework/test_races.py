"""Schedulers that look at the same time spend a budget once: on SQLite, and on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from healer.casework.advancing import advance
from healer.casework.hands import Job
from meshconsole.healing.cases.selectors import cases_out
from meshconsole.healing.cases.states import CaseState
from meshconsole.healing.cases.verbs import removal_start
from meshconsole.healing.guards.services import Wish, policy_set
from meshconsole.healing.models import Approval, CaseEntry, HealingCase
from tests.factories import an_instance

pytestmark = pytest.mark.django_db(transaction=True)

SCHEDULERS = 4
APPS = 5
INSTANCES = 4
MESH_OUT = 2


class Idle:
    """Hands that do nothing: what is decided is all that matters."""

    def do(self, name: str, job: Job) -> bool:
        """Not done."""
        return False


def test_budgets_are_never_exceeded_by_schedulers_that_race() -> None:
    now = timezone.now()
    for app in range(APPS):
        for number in range(INSTANCES):
            an_instance(f"app{app}-{number}", application=f"app{app}", unit=f"unit{app}")
    policy_set(
        application="",
        wish=Wish(mode="approve_all", actuator="process", numbers={"mesh_out": MESH_OUT}),
        reason="A test.",
        actor="admin",
        now=now,
    )
    for app in range(APPS):
        removal_start(instance=f"app{app}-0", actor="ann", reason="Old.", now=now)
    at_once(lambda: advance(now + timedelta(seconds=1), Idle()))
    assert HealingCase.objects.filter(state=CaseState.AWAITING_APPROVAL).count() == MESH_OUT
    assert cases_out().count() == MESH_OUT
    assert Approval.objects.count() == MESH_OUT
    assert CaseEntry.objects.filter(event="approval_needed").count() == MESH_OUT


def test_each_case_is_moved_by_one_of_those_who_look() -> None:
    now = timezone.now()
    an_instance("order-1")
    removal_start(instance="order-1", actor="ann", reason="Old.", now=now)
    policy_set(
        application="", wish=Wish(mode="approve_all", actuator="process"), reason="A test.",
        actor="admin", now=now,
    )  # fmt: skip
    at_once(lambda: advance(now + timedelta(seconds=1), Idle()))
    case = HealingCase.objects.get()
    assert case.entries.filter(event="approval_needed").count() == 1
    assert case.version == case.entries.order_by("-pk")[0].version


def at_once(act: Callable[[], object]) -> None:
    """Everybody begins in the same moment."""
    start = threading.Barrier(SCHEDULERS)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            start.wait(timeout=30)
            act()
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(SCHEDULERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
