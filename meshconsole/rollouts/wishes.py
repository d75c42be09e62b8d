"""What the form of the wizard wishes for, and the same as a command line and as a document."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import yaml
from django.http import QueryDict

from meshconsole.core.errors import Invalid
from meshconsole.rollouts.facts import MIN_REQUESTS
from meshconsole.rollouts.planning import Preview

WISH_LIMIT = 900_000
"""Characters of a wish or a plan that come back with a form."""


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rollout to make, as REST takes it."""

    kind: str
    application: str = ""
    spec: dict[str, Any] = {}
    reason: str = ""


class PlannedWave(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a previewed wave has to be the same when it is started."""

    stage: str
    share: str
    instances: list[str]
    goal: dict[str, Any]


def wish_of(form: QueryDict) -> Wish:
    """The wish of a filled form; what is no number stays as it is, for the kind to name."""
    kind = _word(form, "kind")
    read = _READERS.get(kind)
    spec = {} if read is None else read(form)
    for name, usual in (("soak_scale", "1"), ("min_requests", str(MIN_REQUESTS))):
        text = _word(form, name)
        if text not in ("", usual):
            spec[name] = _number(text)
    if "ask_approval" in form:
        spec["ask_approval"] = True
    return Wish(
        kind=kind,
        application=_word(form, "application"),
        spec=spec,
        reason=_word(form, "reason"),
    )


def given_of(wish: Wish) -> dict[str, Any]:
    """A wish as the fields of the form that it came from."""
    split = wish.spec.get("split")
    weights = split if isinstance(split, dict) else {}
    return (
        {"kind": wish.kind, "application": wish.application, "reason": wish.reason}
        | {f"weight:{name}": percent for name, percent in weights.items()}
        | {name: value for name, value in wish.spec.items() if name != "split"}
    )


def wish_again(text: str) -> Wish:
    """The wish that a previewed form carries; raises Invalid."""
    wish: Wish = _decoded(text, Wish)
    return wish


def plan_again(text: str) -> list[PlannedWave]:
    """The plan that a previewed form carries; raises Invalid."""
    plan: list[PlannedWave] = _decoded(text, list[PlannedWave])
    return plan


def plan_of(preview: Preview) -> list[PlannedWave]:
    """The part of a preview that is held against the plan when it is started."""
    return msgspec.convert(
        [
            {name: wave[name] for name in ("stage", "share", "instances", "goal")}
            for wave in preview.waves
        ],
        list[PlannedWave],
    )


def carried(value: Wish | list[PlannedWave]) -> str:
    """As a hidden field carries it."""
    return msgspec.json.encode(value).decode()


def command_of(wish: Wish) -> str:
    """The same by meshctl: made there, it is started by its number."""
    words = ["meshctl", "rollout", "create", wish.kind]
    if wish.application:
        words += ["--app", wish.application]
    words += ["--spec", _yaml(wish.spec, default_flow_style=True, width=10_000).strip()]
    if wish.reason:
        words += ["--reason", wish.reason]
    return shlex.join(words)


def document_of(wish: Wish) -> str:
    """The same as YAML, in the fields of the API."""
    told = msgspec.to_builtins(wish)
    return _yaml({name: value for name, value in told.items() if value != ""})


def _yaml(value: Any, **how: Any) -> str:
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, **how))


def differences(before: list[PlannedWave], after: list[PlannedWave]) -> list[str]:
    """What became of a plan since it was previewed, in sentences; none when it is the same."""
    if before == after:
        return []
    old, new = _places(before), _places(after)
    told = [f"{name} is new, in wave {new[name]}." for name in new if name not in old]
    told += [f"{name} is not in it any more." for name in old if name not in new]
    told += [
        f"{name} moved from wave {old[name]} to wave {new[name]}."
        for name in new
        if name in old and old[name] != new[name]
    ]
    if len(before) != len(after):
        told.append(f"It has {len(after)} waves instead of {len(before)}.")
    changed = [
        str(number)
        for number, (one, other) in enumerate(zip(before, after, strict=False), 1)
        if one.goal != other.goal
    ]
    if changed:
        told.append(f"Something else is put in force in wave {', '.join(changed)}.")
    return told or ["The steps of its waves are others."]


def _places(plan: list[PlannedWave]) -> dict[str, int]:
    """The first wave of every instance."""
    places: dict[str, int] = {}
    for number, wave in enumerate(plan, 1):
        for name in wave.instances:
            places.setdefault(name, number)
    return places


def _decoded(text: str, shape: Any) -> Any:
    try:
        if len(text) > WISH_LIMIT:
            raise ValueError
        return msgspec.json.decode(text, type=shape)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise Invalid("The form does not carry its preview any more: preview it again.") from None


def _route_table(form: QueryDict) -> dict[str, Any]:
    prefix = "weight:"
    weights = {
        name.removeprefix(prefix): _number(str(value))
        for name, value in form.items()
        if name.startswith(prefix)
    }
    return {"split": weights}


def _tls_mode(form: QueryDict) -> dict[str, Any]:
    return {"to": _word(form, "to")}


def _sidecar_version(form: QueryDict) -> dict[str, Any]:
    spec: dict[str, Any] = {"version": _word(form, "version")}
    return spec | ({"by": "operator"} if _word(form, "by") == "operator" else {})


def _healing_mode(form: QueryDict) -> dict[str, Any]:
    part, _, level = _word(form, "level").partition(":")
    return {part: level} if part and level else {}


_READERS: Mapping[str, Callable[[QueryDict], dict[str, Any]]] = {
    "route_table": _route_table,
    "tls_mode": _tls_mode,
    "sidecar_version": _sidecar_version,
    "healing_mode": _healing_mode,
}


def _word(form: QueryDict, name: str) -> str:
    return form.get(name, "").replace("\x00", "").strip()[:500]


def _number(text: str) -> float | int | str:
    try:
        value = float(text)
    except ValueError:
        return text[:40]
    return int(value) if value.is_integer() else value
