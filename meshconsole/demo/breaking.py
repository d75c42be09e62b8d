"""Break an instance of the demo on purpose, and mend it: real faults of real processes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import httpx
import msgspec

from meshconsole.demo.state import DemoFile, ServiceLine
from meshconsole.healing.guards.supervision import Answer, Ask, NoAnswer, NotSent, Part, asked

SECONDS = 5.0
SLOW_MS = 400.0
DEAD = "does not answer"


class CannotBreak(Exception):
    """The fault could not be made or ended; the text says why."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of fault."""

    title: str
    effect: str
    """What callers see of it."""
    hold: Part | None = None
    """What is ended and stays down."""
    fail: float = 0.0
    slow_ms: float = 0.0
    scope: Literal["instance", "application"] = "instance"


FAULTS: dict[str, Fault] = {
    "dead": Fault(
        title="Application dead",
        effect="its process ends and stays down; its sidecar answers for it",
        hold="process",
    ),
    "unreachable": Fault(
        title="Sidecar dead",
        effect="its sidecar ends and stays down; connections are refused",
        hold="sidecar",
    ),
    "errors-50": Fault(title="50 % errors", effect="every second request fails", fail=0.5),
    "errors-20": Fault(title="20 % errors", effect="every fifth request fails", fail=0.2),
    "slow": Fault(title="Slow", effect=f"{SLOW_MS:g} ms on every answer", slow_ms=SLOW_MS),
    "shared": Fault(
        title="Shared fault",
        effect="every instance of the application fails every second request, as when something "
        "behind all of them is broken",
        fail=0.5,
        scope="application",
    ),
}


def break_instance(demo: DemoFile, instance: str, kind: str) -> str:
    """Make the fault; returns what happened as a sentence. Raises CannotBreak."""
    fault = FAULTS.get(kind)
    if fault is None:
        raise CannotBreak(f"There is no fault {kind!r}: choose one of {', '.join(FAULTS)}.")
    service = _service(demo, instance)
    if fault.hold is not None:
        _supervisor(demo, Ask(verb="hold", instance=instance, part=fault.hold))
        return f"{instance} is broken: {fault.effect}."
    meant = [service]
    if fault.scope == "application":
        meant = [each for each in demo.services if each.app == service.app]
    for each in meant:
        _control(each, fail=fault.fail, slow_ms=fault.slow_ms)
    names = ", ".join(each.instance for each in meant)
    return f"{names} {'are' if len(meant) > 1 else 'is'} broken: {fault.effect}."


def mend(demo: DemoFile, instance: str) -> str:
    """End every fault of one instance, or of all when it is `all`; raises CannotBreak."""
    meant = demo.services if instance == "all" else [_service(demo, instance)]
    for each in meant:
        parts: tuple[Part, ...] = ("process", "sidecar")
        for part in parts:
            _supervisor(demo, Ask(verb="release", instance=each.instance, part=part))
        if faults_of(each) not in ("", DEAD):  # one that was just started has none
            _control(each, fail=0.0, slow_ms=0.0)
    return f"{'Everything' if instance == 'all' else instance} is whole again."


def faults_of(service: ServiceLine) -> str:
    """The faults of an instance in a few words; empty when there are none."""
    try:
        said = httpx.get(f"{service.control}/_control", timeout=SECONDS).json()
    except (httpx.HTTPError, ValueError):
        return DEAD
    words = []
    if said.get("fail"):
        words.append(f"{said['fail']:.0%} errors")
    if said.get("slow_ms"):
        words.append(f"{said['slow_ms']:g} ms slow")
    return ", ".join(words)


def held(demo: DemoFile, service: ServiceLine) -> str:
    """Which parts of an instance are down, in words; empty when both run."""
    parts = _supervisor(demo, Ask(verb="look", instance=service.instance)).parts
    down = [name for name in ("process", "sidecar") if name not in parts]
    return f"{' and '.join(down)} down" if down else ""


def _service(demo: DemoFile, instance: str) -> ServiceLine:
    for each in demo.services:
        if each.instance == instance:
            return each
    names = ", ".join(each.instance for each in demo.services)
    raise CannotBreak(f"There is no instance {instance!r} in this demo: choose one of {names}.")


def _control(service: ServiceLine, *, fail: float, slow_ms: float) -> None:
    document = {"fail": fail, "slow_ms": slow_ms}
    try:
        httpx.post(f"{service.control}/_control", json=document, timeout=SECONDS).raise_for_status()
    except httpx.HTTPError as error:
        name = service.instance
        raise CannotBreak(
            f"{name} does not answer ({type(error).__name__}): mend it first."
        ) from None


def _supervisor(demo: DemoFile, ask: Ask) -> Answer:
    try:
        answer = asked(Path(demo.control), ask, SECONDS * 3)
    except (NotSent, NoAnswer) as error:
        raise CannotBreak(str(error)) from None
    if answer.problem:
        raise CannotBreak(answer.detail)
    return answer
