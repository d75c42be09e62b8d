"""Lists of callers as people write them: a line for each, `app=order unit=unit1`; pure."""

from __future__ import annotations

from collections.abc import Iterable

from proxy.contract.snapshot import Caller

ANYBODY = "any"
"""The line that lets in whoever has a certificate of the mesh."""


def rules_written(callers: Iterable[Caller]) -> str:
    """A line for each."""
    return "\n".join(rule_written(one) for one in callers)


def rule_written(caller: Caller) -> str:
    """One rule, as it is typed."""
    parts = [
        f"{word}={name}" for word, name in (("app", caller.app), ("unit", caller.unit)) if name
    ]
    return " ".join(parts) or ANYBODY


def rules_read(text: str) -> tuple[list[Caller], list[str]]:
    """The callers of the lines, and a sentence for each line that is none; never raises."""
    callers, faults = [], []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if words and words[0].upper() == "ALLOW":
            words = words[1:]
        if not words:
            continue
        named = {} if words == [ANYBODY] else dict(_part(word) for word in words)
        if "" in named or len(named) != (0 if words == [ANYBODY] else len(words)):
            faults.append(
                f"Line {number} is no rule: write app=NAME, unit=NAME, both, or {ANYBODY}."
            )
            continue
        callers.append(Caller(app=named.get("app", ""), unit=named.get("unit", "")))
    return callers, faults


def _part(word: str) -> tuple[str, str]:
    key, equals, name = word.partition("=")
    return (key, name) if equals and name and key in ("app", "unit") else ("", "")
