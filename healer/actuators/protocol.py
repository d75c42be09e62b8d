"""What every actuator understands and answers; who calls one needs to know nothing else of it.

The order of calls for one step: `dry_run` (its `before` is stored with the step, and given back in
each later order of that key), then `execute`, then `status` until it is done or failed. Whoever
takes a step over from somebody else asks `status` first and executes only when that is "unknown".

Everything is synchronous and comes back within the order's deadline. Errors are sentences for
people and hold no secret:

- `Refused`: nothing was done, and asking again would change nothing.
- `NotNow`: nothing was done; the same order may be given again later.
- `AmbiguousResult`: it may or may not have been done. Ask `status`; never execute again on this.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

Action = Literal["restart_sidecar", "restart_process", "restart_host", "remove"]
"""`restart_host` is the container or the machine's share of the instance: sidecar and process.
`remove` is for an instance that is drained already: stop it for good and ask for a replacement."""

ACTIONS: tuple[Action, ...] = ("restart_sidecar", "restart_process", "restart_host", "remove")


class ActuatorError(Exception):
    """An order was not carried out as far as is known; the text says what to do."""


class Refused(ActuatorError):
    """Nothing was done, and the same order would be refused again."""


class StaleFence(Refused):
    """Somebody with a higher fence has given an order since: the caller lost its lease."""


class NotNow(ActuatorError):
    """Nothing was done; the same order may succeed after `retry_seconds`."""

    def __init__(self, text: str, retry_seconds: float = 5.0) -> None:
        super().__init__(text)
        self.retry_seconds = retry_seconds


class AmbiguousResult(ActuatorError):
    """Whether the effect happened cannot be told: ask `status`, or a person."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """The instance that is meant."""

    instance: str
    app: str
    unit: str
    address: str = ""
    """`host:port` where callers reach it."""
    handle: dict[str, str] = {}
    """Names of its own where the settings' patterns do not fit: `process`, `sidecar`, `pod` ..."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One step; the same key is the same step, however often and by whomever it is given."""

    target: Target
    action: Action
    key: str
    """Of the step, not of the attempt: 1 to 128 letters, digits, `-`, `_`, `.`, `:`."""
    fence: int
    """Grows over the whole life of an instance with each lease of a step on it."""
    deadline_seconds: float = 30.0
    """One call of an actuator comes back within this time."""
    before: str = ""
    """`Finding.before` of the dry run: what was there before the step, for comparing."""
    ordered_at: float = 0.0
    """When the step was decided, Unix seconds: used where there is no `before`."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How far an order is."""

    state: Literal["unknown", "running", "done", "failed"]
    """`unknown`: this order has had no effect and may be executed."""
    detail: str
    """A sentence."""
    effects: int | None = None
    """How often this key had its effect; None where the real thing keeps no keys."""
    evidence: dict[str, str] = {}
    """What it was told by: a start time, a process id, a version."""
    replacement: Literal["", "started", "requested", "needed"] = ""
    """Of a removal: `needed` when nothing here makes one and a person has to."""


class PlanText(msgspec.Struct, frozen=True, kw_only=True):
    """What exactly would run, for the page that asks for approval and for the plan's hash."""

    summary: str
    steps: tuple[str, ...]
    """Commands or requests in order, without secrets; the same order gives the same text."""


class Check(msgspec.Struct, frozen=True):
    """One thing that a dry run looked at."""

    name: str
    ok: bool
    detail: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a dry run found; it changed nothing."""

    ok: bool
    detail: str
    checks: tuple[Check, ...] = ()
    before: str = ""
    """What is there now, to be kept with the step and given back as `Order.before`."""


class Actuator(Protocol):
    """One kind of place. Each call may raise an ActuatorError."""

    @property
    def name(self) -> str:
        """`process`, `systemd` ..."""

    @property
    def actions(self) -> frozenset[Action]:
        """What it can do with these settings: rungs of the ladder beyond it are skipped."""

    def plan(self, order: Order) -> PlanText:
        """Say what `execute` would run; looks at nothing."""

    def dry_run(self, order: Order) -> Finding:
        """Look whether it can be reached and is allowed to, without changing anything."""

    def execute(self, order: Order) -> Status:
        """Do it, unless this key has been done; may come back while it is running."""

    def status(self, order: Order) -> Status:
        """Ask the real thing how far this order is."""


def finding(checks: tuple[Check, ...], *, before: str = "") -> Finding:
    """The finding of some checks: its sentence is that of the first that failed."""
    bad = next((check for check in checks if not check.ok), None)
    detail = bad.detail if bad else "Everything this step needs is there."
    return Finding(ok=bad is None, detail=detail, checks=checks, before=before)
