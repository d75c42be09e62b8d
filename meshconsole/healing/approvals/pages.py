"""What the pages of approvals say beyond the rows: titles, buttons, bars of errors by reporter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.urls import reverse

from meshconsole.access.permissions import AllowedAction, allowed_actions, can
from meshconsole.healing.approvals.actions import APPROVE, OVERRIDE, REJECT, approval_actions
from meshconsole.healing.approvals.selectors import SLOTS, ReporterErrors
from meshconsole.healing.cases.approval_models import Approval

ACTION_WORDS = {
    "restart_sidecar": "Restart the sidecar of",
    "restart_process": "Restart the process of",
    "restart_host": "Restart the host of",
    "remove": "Remove",
    "revert": "Revert the change near",
}
BAR_WIDTH, BAR_HEIGHT = 200, 28


def title_of(action: str, instance: str) -> str:
    """What is asked, in a few words."""
    return f"{ACTION_WORDS.get(action, action.replace('_', ' ').capitalize())} {instance}"


@dataclass(frozen=True)
class Bars:
    """One reporter's failures over time, as rectangles in a box of BAR_WIDTH by BAR_HEIGHT."""

    reporter: ReporterErrors
    bars: list[tuple[float, float, float, float]]
    """x, y, width, height of each slot with failures."""


def bars_of(reporters: Sequence[ReporterErrors]) -> list[Bars]:
    """All reporters on one scale, so that a tall bar is many failures whoever saw them."""
    top = max((count for one in reporters for count in one.slots), default=0) or 1
    step = BAR_WIDTH / SLOTS
    return [
        Bars(
            one,
            [
                (
                    round(at * step, 1),
                    round(BAR_HEIGHT - max(2.0, BAR_HEIGHT * count / top), 1),
                    round(step - 0.8, 1),
                    round(max(2.0, BAR_HEIGHT * count / top), 1),
                )
                for at, count in enumerate(one.slots)
                if count
            ],
        )
        for one in reporters
    ]


@dataclass(frozen=True)
class Gate:
    """One gate in words: what it found against what it allows."""

    title: str
    value: str
    bound: str
    ok: bool
    hard: bool
    reason: str


def gates_of(plan: Mapping[str, Any]) -> list[Gate]:
    """Every gate that the plan was made with, those that do not hold first."""
    gates = [
        Gate(
            title=str(one.get("name", "")).replace("_", " ").capitalize(),
            value=told(one.get("value"), str(one.get("unit", ""))),
            bound=told(one.get("bound"), str(one.get("unit", ""))),
            ok=bool(one.get("ok")),
            hard=bool(one.get("hard")),
            reason=str(one.get("reason", "")),
        )
        for one in plan.get("gates") or ()
    ]
    return sorted(gates, key=lambda gate: gate.ok)


def told(value: float | None, unit: str) -> str:
    """A gate's number as people read it."""
    if value is None:
        return "–"
    if unit == "ratio":
        return f"{value * 100:.0f}%"
    if unit == "seconds":
        return f"{value:.0f} s"
    if unit == "flag":
        return "yes" if value else "no"
    return f"{value:g}"


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
    may: bool
    """By the person's role, whatever the state."""
    is_first: bool
    """One of the two that stand at the bottom of a phone."""


_WORDS: Mapping[str, tuple[str, str, str, str]] = {
    APPROVE: (
        "Approve",
        "",
        "Approve this plan?",
        "The healer looks at every gate again before it begins. You approve this plan and no "
        "other.",
    ),
    REJECT: (
        "Reject",
        "danger",
        "Reject this plan?",
        "Nothing is done and the case is dismissed. Reports that go on open another one later.",
    ),
    OVERRIDE: (
        "Override",
        "quiet",
        "Approve alone, in an emergency?",
        "This goes past the second person and past four eyes. It is written down as an override, "
        "with your name and reason. Hard gates hold all the same.",
    ),
}


def buttons_of(row: Approval, user: User | AnonymousUser, now: datetime) -> list[Button]:
    """Every verb; the page shows what is possible, and says why another is not."""
    listed = allowed_actions(user, approval_actions(row, user.get_username(), now))
    given = {one["name"]: one for one in listed}
    return [
        Button(
            verb=name.removeprefix("approval_"),
            url=reverse(f"healing:{name}", args=[row.pk]),
            label=label,
            look=look,
            question=question,
            text=text,
            action=given[name],
            may=bool(can(user, name)),
            is_first=name != OVERRIDE,
        )
        for name, (label, look, question, text) in _WORDS.items()
    ]
