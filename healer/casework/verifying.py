"""Tests of an instance after an action, before callers are sent to it again.

Two self-tests: its sidecar speaks to the console, and its address accepts connections.
Then probes, one each second, that have to succeed in a row; one that fails begins the row anew.
"""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from healer.casework.hands import Hands
from healer.casework.probing import Seen, probe, probe_instance
from healer.casework.progress import checks_of
from healer.policy.parameters import Policy
from meshconsole.core.crashpoints import around
from meshconsole.core.errors import Degraded
from meshconsole.healing.cases.models import Remediation
from meshconsole.healing.cases.steps import step_check
from meshconsole.inventory.models import Instance, Source
from meshconsole.telemetry import links


def look(step: Remediation, policy: Policy, hands: Hands) -> None:
    """Make the next test."""
    tests = policy.verify_self_tests
    hands.do(f"verify {step.pk}", lambda: check(step.pk, tests))


def check(pk: int, self_tests: int) -> None:
    """One test of a step's instance, kept with the step."""
    step = Remediation.objects.filter(pk=pk).first()
    if step is None:
        return
    done = checks_of(step.checks).self_tests_ok
    if done < self_tests:
        kind, seen = "self_test", self_test(step, done, timezone.now())
    else:
        kind, seen = "probe", probe_instance(step.instance)
    step_check(step, kind=kind, ok=seen.is_ok, detail=seen.detail, now=timezone.now())


def self_test(step: Remediation, number: int, now: datetime) -> Seen:
    """The sidecar's word first, then the door."""
    row = Instance.objects.filter(instance_id=step.instance).first()
    if row is None:
        return Seen(is_ok=False, detail="It is not in the inventory.")
    if number == 0 and row.source == Source.SIDECAR:
        return _spoken(step, now)
    with around("self-test"):
        return probe(row.address, with_request=False)


def _spoken(step: Remediation, now: datetime) -> Seen:
    """A sidecar that was started anew says so at once; one that was left alone repeats itself each
    half minute, and counts as gone when it does not."""
    since = step.ended_at or now
    try:
        told = links.latest(links.read(), now.timestamp()).get(step.instance)
    except Degraded:
        return Seen(is_ok=False, detail="Redis does not say whether its sidecar speaks.")
    is_new = step.action != "restart_process"
    if told is None or (is_new and told.at <= since.timestamp()):
        return Seen(is_ok=False, detail="Its sidecar has not spoken since.")
    return Seen(is_ok=True, detail="Its sidecar speaks.")
