"""Names come from patterns, never from a shell, and an order that makes no sense goes nowhere."""

from __future__ import annotations

import pytest

from healer.actuators.names import name_of, order_check, parts_of
from healer.actuators.protocol import Action, Order, Refused, Target

TARGET = Target(instance="order-3", app="order", unit="unit1")


def order(action: Action = "restart_process", **changes: object) -> Order:
    fields = {"target": TARGET, "action": action, "key": "case-7.1", "fence": 1} | changes
    return Order(**fields)  # type: ignore[arg-type]


def test_a_pattern_is_filled_with_the_targets_words() -> None:
    assert name_of("process", TARGET, "{app}@{instance}.service") == "order@order-3.service"


def test_a_name_of_its_own_goes_before_the_pattern() -> None:
    own = Target(instance="order-3", app="order", unit="unit1", handle={"process": "shop7"})
    assert name_of("process", own, "{instance}") == "shop7"


def test_what_is_filled_in_is_not_read_as_a_pattern_again() -> None:
    sly = Target(instance="{unit}", app="order", unit="unit1")
    with pytest.raises(Refused, match="cannot be the name"):
        name_of("process", sly, "{instance}")


@pytest.mark.parametrize(
    "name", ["", "-rf", "a b", "a;b", "$(id)", "a\nb", "../x", "a/b", "x" * 201, "a\0", "--now"]
)
def test_a_name_that_a_command_could_mistake_is_refused(name: str) -> None:
    with pytest.raises(Refused, match="cannot be the name of the process"):
        name_of("process", Target(instance=name, app="a", unit="u"), "{instance}")


@pytest.mark.parametrize(
    ("action", "parts"),
    [
        ("restart_sidecar", ("side-order-3",)),
        ("restart_process", ("order-3",)),
        ("restart_host", ("side-order-3", "order-3")),
        ("remove", ("side-order-3", "order-3")),
    ],
)
def test_each_rung_of_the_ladder_means_its_parts(action: Action, parts: tuple[str, ...]) -> None:
    assert parts_of(order(action), process="{instance}", sidecar="side-{instance}") == parts


def test_a_sidecar_nobody_named_lives_with_the_process() -> None:
    assert parts_of(order("restart_host"), process="{instance}", sidecar=None) == ("order-3",)
    with pytest.raises(Refused, match="name no sidecar"):
        parts_of(order("restart_sidecar"), process="{instance}", sidecar=None)


@pytest.mark.parametrize("key", ["", "a b", "a\n", "x" * 129, "ключ"])
def test_a_key_that_could_be_mistaken_is_refused(key: str) -> None:
    with pytest.raises(Refused, match="A key has"):
        order_check(order(key=key), frozenset({"restart_process"}))


def test_an_action_beyond_the_settings_is_refused_with_what_is_possible() -> None:
    with pytest.raises(Refused, match=r"cannot remove with its settings: it can restart process\."):
        order_check(order("remove"), frozenset({"restart_process"}))
