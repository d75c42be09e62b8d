"""The verbs of a case as buttons: what each asks, and why one is not possible now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, User
from django.urls import reverse

from meshconsole.access.permissions import Action, AllowedAction, allowed_actions, can
from meshconsole.healing.cases.actions import case_actions
from meshconsole.healing.cases.models import HealingCase, Mark


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
    """By the case's state; the person's role is in `action`."""
    may: bool
    """By the person's role, whatever the state."""
    choices: tuple[tuple[str, str], ...] = ()
    """Values and words of which one is picked."""
    choices_name: str = ""
    choices_legend: str = ""
    takes_reason: bool = True
    can_bypass: bool = False


_WORDS: Mapping[str, tuple[str, str, str, str]] = {
    "case_retry": (
        "Try again",
        "",
        "Try once more?",
        "Its callers are asked anew; if they still say that it fails, the ladder begins with its "
        "first rung.",
    ),
    "case_release": (
        "Release",
        "",
        "Let go of it?",
        "Its callers are asked anew. While a storm or a kill switch is on, the healer holds on to "
        "it.",
    ),
    "case_hold": (
        "Hold",
        "quiet",
        "Hold this case?",
        "Nothing new begins until a person releases it. What drains just now returns first.",
    ),
    "case_dismiss": (
        "Dismiss",
        "quiet",
        "Dismiss this case?",
        "Nothing is done to the instance, and the same reports open no case for a quarter of an "
        "hour.",
    ),
    "case_mark": (
        "Judge it",
        "quiet",
        "Was this case right?",
        "It counts for the score of the policy that acted. The last word counts.",
    ),
    "removal_start": (
        "Remove the instance",
        "danger",
        "Ask for the removal of this instance?",
        "It is drained, stopped and replaced once two other people have approved it.",
    ),
}
_MARKS = ((Mark.RIGHT.value, "Right: something was wrong with the instance"),
          (Mark.FALSE_ALARM.value, "A false alarm: nothing was wrong with it"))  # fmt: skip


def buttons_of(case: HealingCase, user: User | AnonymousUser) -> list[Button]:
    """Every verb in its order; the page shows those that the state offers."""
    actions = case_actions(case)
    offered = {one.name for one in actions if not one.blocked}
    given = {one["name"]: one for one in allowed_actions(user, actions)}
    return [
        Button(
            verb=verb_of(name),
            url=reverse(f"healing:{name}", args=[case.pk]),
            label=label,
            look=look,
            question=question,
            text=text,
            action=given[name],
            is_offered=name in offered,
            may=bool(can(user, name)),
            choices=_MARKS if name == "case_mark" else (),
            choices_name="mark",
            choices_legend="It was",
        )
        for name, (label, look, question, text) in _WORDS.items()
    ]


def removal_button(instance: str, case: HealingCase | None, user: User | AnonymousUser) -> Button:
    """To ask for the removal of an instance, whether or not it has a case."""
    label, look, question, text = _WORDS["removal_start"]
    action = Action("removal_start", danger=True, confirm=instance)
    if case is not None:
        action = next(one for one in case_actions(case) if one.name == "removal_start")
    (allowed,) = allowed_actions(user, [action])
    return Button(
        verb="remove",
        url=reverse("healing:instance_remove", args=[instance]),
        label=label,
        look=look,
        question=question,
        text=text,
        action=allowed,
        is_offered=not action.blocked,
        may=bool(can(user, "removal_start")),
    )


def verb_of(name: str) -> str:
    """The last part of a verb's address."""
    return "remove" if name == "removal_start" else name.removeprefix("case_")
