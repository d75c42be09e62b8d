"""Wishes: from a form and back, as a command, and what became of a plan."""

from __future__ import annotations

import shlex

import pytest
import yaml
from django.http import QueryDict

from meshconsole.core.errors import Invalid
from meshconsole.rollouts.wishes import (
    PlannedWave,
    Wish,
    carried,
    command_of,
    differences,
    document_of,
    given_of,
    plan_again,
    wish_again,
    wish_of,
)


def a_wave(*instances: str, stage: str = "preferred") -> PlannedWave:
    return PlannedWave(stage=stage, share="1%", instances=list(instances), goal={"mode": stage})


def test_a_form_is_a_wish_and_a_wish_the_same_form() -> None:
    form = QueryDict(
        "kind=route_table&application=order&weight:a=60&weight:b=40.5&soak_scale=0.1"
        "&min_requests=500&ask_approval=on&reason=why+not"
    )
    wish = wish_of(form)
    assert wish == Wish(
        kind="route_table",
        application="order",
        spec={"split": {"a": 60, "b": 40.5}, "soak_scale": 0.1, "ask_approval": True},
        reason="why not",
    )
    given = given_of(wish)
    assert (given["weight:b"], given["soak_scale"], given["ask_approval"]) == (40.5, 0.1, True)
    assert wish_again(carried(wish)) == wish


def test_what_is_no_number_is_left_for_the_kind_to_name() -> None:
    wish = wish_of(QueryDict("kind=tls_mode&to=strict&soak_scale=soon\x00"))
    assert wish.spec == {"to": "strict", "soak_scale": "soon"}


def test_a_command_line_survives_a_shell_and_yaml() -> None:
    wish = Wish(
        kind="tls_mode", application="order", spec={"to": "strict"}, reason="it's time; $(rm)"
    )
    words = shlex.split(command_of(wish))
    assert words[:6] == ["meshctl", "rollout", "create", "tls_mode", "--app", "order"]
    assert yaml.safe_load(words[7]) == {"to": "strict"}
    assert words[9] == "it's time; $(rm)"
    assert yaml.safe_load(document_of(wish))["spec"] == {"to": "strict"}


def test_the_same_plan_has_no_differences() -> None:
    assert differences([a_wave("a"), a_wave("b")], [a_wave("a"), a_wave("b")]) == []


def test_differences_name_who_came_who_went_and_who_moved() -> None:
    told = differences([a_wave("a"), a_wave("b", "c")], [a_wave("b"), a_wave("d"), a_wave("a")])
    assert "d is new, in wave 2." in told
    assert "c is not in it any more." in told
    assert "a moved from wave 1 to wave 3." in told
    assert "It has 3 waves instead of 2." in told


def test_another_goal_and_another_step_are_differences_too() -> None:
    assert differences([a_wave("a")], [a_wave("a", stage="strict")]) == [
        "Something else is put in force in wave 1."
    ]
    other = PlannedWave(stage="preferred", share="5%", instances=["a"], goal={"mode": "preferred"})
    assert differences([a_wave("a")], [other]) == ["The steps of its waves are others."]


@pytest.mark.parametrize("text", ["", "nonsense", "{}", '[{"stage": 1}]', "[" * 100_000])
def test_a_plan_that_is_none_is_asked_for_again(text: str) -> None:
    with pytest.raises(Invalid, match="preview it again"):
        plan_again(text)
