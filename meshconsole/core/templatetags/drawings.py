"""Small pictures made on the server: plain SVG attributes, so no inline style is needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

WIDTH, HEIGHT = 120, 24
_TOP, _BOTTOM = 2, 23
LABEL_PERCENT = 14


@register.simple_tag
def sparkline(values: Iterable[float | None], label: str, extra: str = "") -> SafeString:
    """A line over the last minutes with its area; a dashed base line where nothing is known."""
    known = [0.0 if value is None else float(value) for value in values]
    if len(known) < 2:
        return format_html(
            '<svg class="spark spark-none {}" viewBox="0 0 {} {}" preserveAspectRatio="none" '
            'role="img" aria-label="{}: not enough data yet">'
            '<path d="M0 23H120" fill="none" stroke="currentColor" stroke-dasharray="3 4" '
            'vector-effect="non-scaling-stroke"/></svg>',
            extra,
            WIDTH,
            HEIGHT,
            label,
        )
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in _points(known))
    return format_html(
        '<svg class="spark {}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" '
        'aria-label="{}: from {} to {}, now {}">'
        '<path d="M{}L{} {}L0 {}Z" fill="currentColor" fill-opacity=".13"/>'
        '<path d="M{}" fill="none" stroke="currentColor" stroke-width="1.6" '
        'stroke-linejoin="round" vector-effect="non-scaling-stroke"/></svg>',
        extra,
        WIDTH,
        HEIGHT,
        label,
        *(f"{value:.3g}" for value in (min(known), max(known), known[-1])),
        line,
        WIDTH,
        HEIGHT,
        HEIGHT,
        line,
    )


def _points(values: list[float]) -> list[tuple[float, float]]:
    top = max(values) or 1.0
    step = WIDTH / (len(values) - 1)
    return [
        (index * step, _BOTTOM - (_BOTTOM - _TOP) * value / top)
        for index, value in enumerate(values)
    ]


@register.simple_tag
def split_bar(split: Mapping[str, float], extra: str = "", element_id: str = "") -> SafeString:
    """Weights as one bar; the words of it are its label."""
    rects: list[tuple[str, int, float, float]] = []
    begin = 0.0
    for index, (group, percent) in enumerate(split.items()):
        rects.append((group, index % 4, begin, float(percent)))
        begin += float(percent)
    words = ", ".join(f"{group} {percent:g}%" for group, percent in split.items())
    return format_html(
        '<svg class="split-bar {}" id="{}" role="img" aria-label="{}" '
        'preserveAspectRatio="none"><rect width="100%" height="100%" class="fill-rest"/>{}{}</svg>',
        extra,
        element_id or "split-" + "-".join(split),
        words,
        format_html_join(
            "",
            '<rect data-group="{}" class="fill-{}" x="{}%" width="{}%" height="100%"/>',
            rects,
        ),
        "" if "thin" in extra else _labels(rects),
    )


def _labels(rects: list[tuple[str, int, float, float]]) -> SafeString:
    """The words inside of a bar that is tall enough; a part that is too narrow says nothing."""
    return format_html_join(
        "",
        '<text data-label="{}" x="{}%" y="50%">{}</text>',
        (
            (group, begin + width / 2, f"{group} {width:g}%" if width >= LABEL_PERCENT else "")
            for group, _, begin, width in rects
        ),
    )


@register.simple_tag
def fill(index: int) -> SafeString:
    """The class attribute of the series with this number, as split bars use it."""
    return format_html('class="fill-{}"', index % 4)


@register.simple_tag
def strip(counts: Mapping[str, int], label: str) -> SafeString:
    """How many are ok, warn, bad or idle, as one thin bar."""
    total = sum(counts.values()) or 1
    rects: list[tuple[str, str, str]] = []
    begin = 0.0
    for look, count in counts.items():
        rects.append((look, f"{begin:.3f}", f"{100 * count / total:.3f}"))
        begin += 100 * count / total
    return format_html(
        '<svg class="sync-strip" role="img" aria-label="{}">'
        '<rect width="100%" height="100%" class="fill-rest"/>{}</svg>',
        label,
        format_html_join("", '<rect class="fill-{}" x="{}%" width="{}%" height="100%"/>', rects),
    )
