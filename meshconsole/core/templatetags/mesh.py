"""Words, shapes and figures that every page shares, so that a state looks the same everywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

NONE = "–"
Figure = float | Literal[""] | None
"""A template gives an empty text for what is not there."""

LOOKS = {
    "joining": ("busy", "joining"),
    "serving": ("ok", "serving"),
    "draining": ("warn", "draining"),
    "gone": ("idle", "gone"),
    "in step": ("ok", "in step"),
    "pending": ("busy", "pending"),
    "stale": ("warn", "stale"),
    "nacked": ("bad", "refused"),
    "offline": ("idle", "offline"),
    "unknown": ("idle", "unknown"),
    "block": ("bad", "blocks"),
    "warn": ("warn", "warning"),
    "ok": ("ok", "ok"),
    "bad": ("bad", "bad"),
    "quiet": ("idle", "quiet"),
    "open": ("bad", "open"),
    "recovered": ("ok", "recovered"),
    "lapsed": ("idle", "lapsed"),
    "failing": ("bad", "failing"),
    "observed": ("busy", "observed"),
    "cooling": ("busy", "cooling down"),
    "confirming": ("busy", "confirming"),
    "gated": ("warn", "gated"),
    "acting": ("busy", "acting"),
    "verifying": ("busy", "verifying"),
    "returning": ("busy", "returning"),
    "failed": ("bad", "failed"),
    "held": ("warn", "held"),
    "escalated": ("bad", "escalated"),
    "service_incident": ("bad", "service incident"),
    "resolved": ("ok", "resolved"),
    "removed": ("idle", "removed"),
    "dismissed": ("idle", "dismissed"),
    "ejected": ("bad", "ejected"),
    "probing": ("warn", "probing"),
    "running": ("busy", "running"),
    "succeeded": ("ok", "succeeded"),
    "awaiting_approval": ("warn", "awaits approval"),
    "approved": ("busy", "approved"),
    "rejected": ("bad", "rejected"),
    "expired": ("idle", "expired"),
    "withdrawn": ("idle", "withdrawn"),
    "used": ("ok", "approved, begun"),
    "sending": ("busy", "sending"),
    "sent": ("ok", "sent"),
    "engaged": ("bad", "engaged"),
    "progressing": ("busy", "progressing"),
    "soaking": ("busy", "soaking"),
    "paused": ("warn", "paused"),
    "rolling_back": ("warn", "rolling back"),
    "completed": ("ok", "completed"),
    "rolled_back": ("warn", "rolled back"),
    "stuck": ("bad", "stuck"),
    "applying": ("busy", "applying"),
    "passed": ("ok", "passed"),
    "reverting": ("warn", "reverting"),
    "reverted": ("warn", "reverted"),
    "written": ("busy", "written"),
    "acked": ("ok", "in force"),
    "pass": ("ok", "passes"),
    "fail": ("bad", "fails"),
    "inconclusive": ("warn", "inconclusive"),
    "requested": ("idle", "waits"),
    "done": ("ok", "done"),
    "trusted": ("busy", "trusted"),
    "signing": ("ok", "signing"),
    "retired": ("idle", "retired"),
}
"""State -> (shape, word). A state that is not here shows its own name with the idle shape."""


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """A drawing of the sprite; decoration only, so the words stand beside it."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>',
        extra,
        static("img/icons.svg"),
        name,
    )


@register.simple_tag
def badge(state: object, word: str = "", look: str = "") -> SafeString:
    """A state as shape, word and colour."""
    known, usual = LOOKS.get(str(state), ("idle", str(state).replace("_", " ")))
    shape = look or known
    return format_html('<span class="badge is-{}">{}{}</span>', shape, icon(shape), word or usual)


SCOPES = {
    "instance": ("instances", "one instance"),
    "service": ("applications", "whole service"),
    "reporter": ("sidecars", "the reporter itself"),
}
"""Who is to blame -> (shape, words)."""


@register.simple_tag
def scope_mark(scope: str) -> SafeString:
    """Who is to blame for an anomaly, as shape and word."""
    shape, words = SCOPES.get(scope, ("idle", scope))
    return format_html('<span class="scope-mark">{}{}</span>', icon(shape), words)


@register.simple_tag
def health(error_ratio: float | None, requests: float = 1) -> SafeString:
    """How an application or an edge fares: quiet, ok, or its errors in words."""
    if not requests or error_ratio is None:
        return badge("quiet")
    if error_ratio < 0.01:
        return badge("ok")
    return badge(
        "errors", f"{percent(error_ratio)} errors", "warn" if error_ratio < 0.05 else "bad"
    )


@register.simple_tag
def padlock(ratio: float | None, words: bool = True) -> SafeString:
    """Closed, half or open: the share of requests that were encrypted, as shape and text."""
    if ratio is None:
        shape, look, text = "lock-open", "idle", "no traffic"
    elif ratio >= 0.9995:
        shape, look, text = "lock-closed", "ok", "mTLS"
    elif ratio <= 0.0005:
        shape, look, text = "lock-open", "warn", "plaintext"
    else:
        shape, look, text = "lock-half", "warn", f"{percent(ratio)} mTLS"
    return format_html(
        '<span class="nowrap is-{}">{} <span class="{}">{}</span></span>',
        look,
        icon(shape),
        "" if words else "visually-hidden",
        text,
    )


@register.simple_tag
def padlock_status(ratio: float | None) -> SafeString:
    """The mesh's padlock for the top bar, with what the percentage means."""
    shape, look = "lock-open", "idle" if ratio is None else "warn"
    if ratio is not None and ratio > 0.0005:
        shape, look = ("lock-closed", "ok") if ratio >= 0.9995 else ("lock-half", "warn")
    return format_html(
        '<span class="is-{}">{}</span><span>{}<span class="more"> {}</span></span>',
        look,
        icon(shape),
        NONE if ratio is None else percent(ratio),
        "encrypted",
    )


@register.filter
def percent(ratio: Figure) -> str:
    """0 to 1 as percent, with the digits that matter."""
    if ratio is None or ratio == "":
        return NONE
    value = ratio * 100
    if value == 0 or value >= 99.95:
        return f"{value:.0f}%"
    return f"{value:.2f}%" if value < 1 else f"{value:.1f}%"


@register.filter
def add_to(value: float, more: float) -> str:
    """A place in a drawing, moved; always with a point, whatever the language."""
    return f"{value + float(more):.1f}"


@register.filter
def of(mapping: Mapping[str, float], key: str) -> float:
    """The number under a name, 0 without it."""
    return mapping.get(key, 0)


@register.filter
def change_lines(entry: Any) -> list[str]:
    """What an audit row says changed, a line per field: unchanged ones are left out."""
    before, after = entry.before, entry.after
    if not isinstance(before, dict) or not isinstance(after, dict):
        return [f"before {_told(before)}", f"after  {_told(after)}"]
    return [
        f"{key}: {_told(before.get(key))} -> {_told(after.get(key))}"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]


@register.filter
def document(value: Any) -> str:
    """A document as people read it: JSON over several lines."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, default=str)


def _told(value: Any) -> str:
    return NONE if value is None else json.dumps(value, sort_keys=True)


@register.filter
def unlocalised(value: float) -> str:
    """A number as form fields and attributes take it."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


@register.filter
def share(value: Figure) -> str:
    """A percent that is one already, without needless zeros."""
    if value is None or value == "":
        return NONE
    return f"{value:.2f}".rstrip("0").rstrip(".") + "%"


@register.filter
def rate(value: Figure) -> str:
    """Per second, with about three digits."""
    if value is None or value == "":
        return NONE
    if value >= 1000:
        return f"{value / 1000:.1f}k"
    return f"{value:.0f}" if value >= 100 or value == 0 else f"{value:.1f}"


@register.filter
def millis(seconds: Figure) -> str:
    """A duration as people say it."""
    if seconds is None or seconds == "":
        return NONE
    if seconds >= 1:
        return f"{seconds:.2f}".rstrip("0").rstrip(".") + " s"
    value = seconds * 1000
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


@register.filter
def weight(size: Figure) -> str:
    """Bytes per second."""
    if size is None or size == "":
        return NONE
    for unit in ("B/s", "kB/s", "MB/s"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B/s" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB/s"


@register.filter
def ago(moment: datetime | float | None) -> SafeString | str:
    """How long ago, ageing in the browser, with the exact time on hover."""
    if moment is None:
        return NONE
    at = moment if isinstance(moment, datetime) else datetime.fromtimestamp(moment, UTC)
    seconds = max(0, round((timezone.now() - at).total_seconds()))
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>',
        at.isoformat(),
        at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "just now" if seconds < 2 else f"{_span(seconds)} ago",
    )


@register.filter
def left(moment: datetime | None) -> str:
    """How long until then."""
    if moment is None:
        return NONE
    seconds = round((moment - timezone.now()).total_seconds())
    return f"in {_span(seconds)}" if seconds > 0 else "over"


@register.filter
def words(name: str) -> str:
    """A name of the program as people read it."""
    return name.replace("_", " ")


@register.filter
def grouped(count: int) -> str:
    """A count with its thousands apart."""
    return f"{count:,}"


@register.filter
def lasts(seconds: Figure) -> str:
    """How long something takes, in its two largest units."""
    if seconds is None or seconds == "":
        return NONE
    rest = max(0, round(seconds))
    parts: list[str] = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if rest >= size:
            parts.append(f"{rest // size} {unit}")
            rest %= size
    return " ".join(parts[:2]) or "0 s"


@register.filter
def countdown(moment: datetime | None) -> SafeString | str:
    """How long until then, running down in the browser, with the exact time on hover."""
    if moment is None:
        return NONE
    return format_html(
        '<time datetime="{}" title="{}" data-until>{}</time>',
        moment.isoformat(),
        moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        lasts(max(0.0, (moment - timezone.now()).total_seconds())),
    )


@register.filter
def clock(moment: datetime | None) -> SafeString | str:
    """The exact time in UTC."""
    if moment is None:
        return NONE
    return format_html(
        '<time datetime="{}">{}</time>',
        moment.isoformat(),
        moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
    )


@register.filter
def at_clock(at: float) -> str:
    """Epoch seconds as a time of day in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")


def _span(seconds: int) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
