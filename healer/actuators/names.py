"""The real things an order is about: names made from patterns, held to a strict shape; pure."""

from __future__ import annotations

import re

from healer.actuators.protocol import Action, Order, Refused, Target

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:\\-]{0,199}")
_KEY = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_PARTS: dict[Action, tuple[str, ...]] = {
    "restart_sidecar": ("sidecar",),
    "restart_process": ("process",),
    "restart_host": ("sidecar", "process"),
    "remove": ("sidecar", "process"),
}


def parts_of(order: Order, *, process: str, sidecar: str | None) -> tuple[str, ...]:
    """The names an order is carried out on, one after the other; raises Refused.

    Without a pattern for the sidecar it is thought to live and end with the process.
    """
    patterns = {"process": process, "sidecar": sidecar}
    wanted = _PARTS[order.action]
    if wanted == ("sidecar",) and sidecar is None:
        raise Refused("These settings name no sidecar: add a pattern for it, or skip this step.")
    made = (name_of(part, order.target, patterns[part]) for part in wanted if patterns[part])
    return tuple(dict.fromkeys(made))


def name_of(part: str, target: Target, pattern: str | None) -> str:
    """The name of one part of an instance: its own, or the pattern filled; raises Refused."""
    name = target.handle.get(part) or filled(pattern or "", target)
    if _NAME.fullmatch(name) is None:
        raise Refused(
            f"{name[:80]!r} cannot be the name of the {part} of {target.instance[:80]!r}: it takes "
            "letters, digits and _ . @ : - \\, and begins with a letter or a digit."
        )
    return name


def filled(pattern: str, target: Target) -> str:
    """The pattern with the target's words in it, each replaced once and never read again."""
    words = {"instance": target.instance, "app": target.app, "unit": target.unit}
    return re.sub(r"\{(instance|app|unit)\}", lambda found: words[found[1]], pattern)


def order_check(order: Order, actions: frozenset[Action]) -> None:
    """Raise Refused when an order makes no sense to any actuator, or not to this one."""
    if _KEY.fullmatch(order.key) is None:
        raise Refused("A key has 1 to 128 letters, digits and - _ . :, and nothing else.")
    if order.fence < 0 or order.deadline_seconds <= 0:
        raise Refused("An order has a fence of 0 or more and a deadline of more than 0 seconds.")
    if order.action not in actions:
        raise Refused(
            f"This actuator cannot {order.action.replace('_', ' ')} with its settings: "
            f"it can {', '.join(sorted(each.replace('_', ' ') for each in actions))}."
        )
