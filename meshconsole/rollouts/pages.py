"""What the pages of rollouts say beyond the rows: titles, what tripped, ledgers, buttons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q
from django.urls import reverse

from meshconsole.access.permissions import AllowedAction, allowed_actions, can
from meshconsole.rollouts.actions import rollout_actions
from meshconsole.rollouts.charts import title_of as metric_title, told
from meshconsole.rollouts.models import MESH, Decision, Rollout
from meshconsole.rollouts.selectors import rollout_list
from meshconsole.rollouts.shapes import GateShown, RolloutShown, WaveShown
from meshconsole.rollouts.states import OWNING, RolloutEvent, RolloutState, WaveState

KIND_WORDS = {
    "tls_mode": "Link encryption",
    "route_table": "Route",
    "ca_rotation": "Certificate authority",
    "sidecar_version": "Sidecar version",
    "limiter_mode": "Limiting",
    "healing_mode": "Healing",
}
BYPASSABLE = frozenset({"rollout_start", "rollout_promote"})
"""An admin may take these past approval and freezes."""
LINES = 5
"""Of a short list."""
_TURNED = frozenset({RolloutState.ROLLING_BACK, RolloutState.ROLLED_BACK, RolloutState.STUCK})


def kind_word(kind: str) -> str:
    """A kind as people say it."""
    return KIND_WORDS.get(kind, kind.replace("_", " ").capitalize())


def title_of(kind: str, application: str, spec: Mapping[str, Any]) -> str:
    """What a rollout is, in a few words."""
    where = application or "the whole mesh"
    if kind == "route_table":
        parts = (f"{name} {percent:g}%" for name, percent in sorted(spec.get("split", {}).items()))
        return f"Split of {where} to {', '.join(parts)}"
    if kind == "ca_rotation":
        return "Rotation of the mesh's certificate authority"
    if spec.get("ejection_mode"):
        return f"Ejection by callers of {where} to {spec['ejection_mode']}"
    target = next((str(spec[name]) for name in ("to", "mode", "version") if spec.get(name)), "")
    return f"{kind_word(kind)} of {where}{f' to {target}' if target else ''}"


@dataclass(frozen=True)
class Trip:
    """The gate that ended a rollout, with the number that did it."""

    at: datetime
    wave: int | None
    gate: GateShown | None
    title: str
    value: str
    bound: str
    control: str
    sentence: str


def trip_of(shown: RolloutShown, decisions: Sequence[Decision]) -> Trip | None:
    """What turned it back, while that still matters; None when a person did or nobody has."""
    if shown.state not in _TURNED:
        return None
    failed = [one for one in decisions if one.verb == RolloutEvent.GATE_FAILED]
    if not failed:
        return None
    last = failed[-1]
    metric, _, sentence = last.why.partition(": ")
    wave = next((one for one in shown.waves if one.number == last.wave), None)
    gates = wave.gates if wave is not None else []
    gate = next((one for one in gates if one.metric == metric), None)
    return Trip(
        at=last.at,
        wave=last.wave,
        gate=gate,
        title=metric_title(metric),
        value=told(metric, gate.measure, gate.value) if gate else "",
        bound=told(metric, gate.measure, gate.bound, sign=False) if gate else "",
        control=told(metric, gate.measure, gate.control)
        if gate and gate.control is not None
        else "",
        sentence=sentence or last.why,
    )


@dataclass(frozen=True)
class Cut:
    """`cut` of `started` requests since the waves began, each instance counted once."""

    cut: int
    started: int


def cut_of(waves: Sequence[WaveShown]) -> Cut | None:
    """The headline of the ledger; None while none is known, or nothing was counted.

    A later stage reaches the same instances again; the first wave of an instance has seen most.
    """
    known: set[str] = set()
    cut = started = 0
    is_known = False
    for wave in waves:
        names = {target.instance for target in wave.targets}
        if wave.ledger is None or not wave.ledger.started or not names - known:
            continue
        is_known = True
        known |= names
        cut += wave.ledger.cut
        started += wave.ledger.started
    return Cut(cut, started) if is_known else None


def have_count(shown: RolloutShown) -> int:
    """Instances that have it in force just now; what was undone does not count."""
    return len(
        {
            target.instance
            for wave in shown.waves
            for target in wave.targets
            if target.state == "acked"
        }
    )


def wave_picked(shown: RolloutShown, wanted: str, trip: Trip | None) -> WaveShown | None:
    """The wave whose gates are shown: the one asked for, the one that tripped, the current one."""
    if not shown.waves:
        return None
    by_number = {str(wave.number): wave for wave in shown.waves}
    if wanted in by_number:
        return by_number[wanted]
    if trip is not None and str(trip.wave) in by_number:
        return by_number[str(trip.wave)]
    begun = [wave for wave in shown.waves if wave.state != WaveState.PLANNED]
    current = next((wave for wave in begun if wave.is_current), None)
    return current or (begun[-1] if begun else shown.waves[0])


@dataclass(frozen=True)
class Button:
    """One verb of the page: its words, and what has to be given with it."""

    verb: str
    url: str
    label: str
    look: str
    question: str
    text: str
    action: AllowedAction
    is_offered: bool
    """By the rollout's state; the person's role is in `action`."""
    may: bool
    """By the person's role, whatever the state."""
    takes_reason: bool
    can_bypass: bool


_WORDS: Mapping[str, tuple[str, str, str, str]] = {
    "rollout_approve": (
        "Approve",
        "",
        "Approve this rollout?",
        "Its first wave begins at once; the gates judge every wave.",
    ),
    "rollout_start": ("Start", "", "Start this rollout?", "The first wave is put in force."),
    "rollout_promote": (
        "Promote",
        "",
        "Let this wave pass now?",
        "The rest of its soak is left out. Say why, unless every gate passes; what a gate has "
        "failed cannot pass.",
    ),
    "rollout_resume": (
        "Resume",
        "",
        "Go on?",
        "The wave is seen in force and soaks anew.",
    ),
    "rollout_pause": (
        "Pause",
        "quiet",
        "Pause this rollout?",
        "Nothing more is written and nothing is undone until somebody decides.",
    ),
    "rollout_plan": (
        "Plan again",
        "quiet",
        "Make the waves anew?",
        "They are made from the mesh as it is now; nothing is put in force.",
    ),
    "rollout_abort": (
        "Abort",
        "danger",
        "Give this rollout up?",
        "Nothing has been put in force, so nothing is undone. It cannot be started again.",
    ),
    "rollout_rollback": (
        "Roll back",
        "danger",
        "Roll everything back?",
        "Everything that it wrote is undone, the latest wave first.",
    ),
}


def buttons_of(row: Rollout, user: User | AnonymousUser) -> list[Button]:
    """Every verb in its order; the page shows those that are offered, and says what a role forbids.

    To abort what has begun is to roll it back: the page then has one button for both.
    """
    offered = {one.name for one in rollout_actions(row, "") if not one.blocked}
    if "rollout_rollback" in offered:
        offered.discard("rollout_abort")
    listed = allowed_actions(user, rollout_actions(row, user.get_username()))
    given = {one["name"]: one for one in listed}
    may_bypass = bool(can(user, "rollout_bypass"))
    return [
        Button(
            verb=name.removeprefix("rollout_"),
            url=reverse(f"rollouts:{name}", args=[row.pk]),
            label=label,
            look=look,
            question=question,
            text=text,
            action=given[name],
            is_offered=name in offered,
            may=bool(can(user, name)),
            takes_reason=name != "rollout_plan",
            can_bypass=may_bypass and name in BYPASSABLE,
        )
        for name, (label, look, question, text) in _WORDS.items()
    ]


@dataclass(frozen=True)
class BrakeLink:
    """Where to look at what keeps a rollout still."""

    word: str
    url: str


def brake_of(braked_by: str) -> BrakeLink | None:
    """The case or the kill switches; None when nothing brakes it."""
    what, _, ref = braked_by.partition(":")
    if what == "case" and ref.isdigit():
        return BrakeLink(f"Case {ref}", reverse("healing:case", args=[ref]))
    return BrakeLink("The kill switch", reverse("healing:automation")) if what == "switch" else None


@dataclass(frozen=True)
class Line:
    """One rollout in a short list of another page."""

    row: Rollout
    title: str


def rollouts_now() -> list[Line]:
    """What is being changed just now, newest first."""
    return _lines(rollout_list({"state": "open"})[:LINES])


def rollouts_of(application: str) -> list[Line]:
    """The latest rollouts of an application, and those of the whole mesh that are under way."""
    mine = Q(application=application) | Q(application=MESH, state__in=OWNING)
    return _lines(rollout_list({}).filter(mine)[:LINES])


def _lines(rows: Iterable[Rollout]) -> list[Line]:
    return [Line(row, title_of(row.kind, row.application, row.spec)) for row in rows]
