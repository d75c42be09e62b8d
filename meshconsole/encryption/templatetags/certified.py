"""Padlocks of modes, and the drawings of certificates' lives: shape, word and colour together."""

from __future__ import annotations

from collections.abc import Sequence

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from meshconsole.core.templatetags.mesh import icon
from meshconsole.encryption.expiry import BINS, Bin, Life

register = template.Library()

_MODES = {
    "plaintext": ("lock-open", "warn"),
    "permissive": ("lock-open", "busy"),
    "preferred": ("lock-half", "busy"),
    "strict": ("lock-closed", "ok"),
}
_HEIGHT, _BAR = 40, 10


@register.simple_tag
def mode(name: str, count: int = 0) -> SafeString:
    """A mode as padlock and word, with how many instances have it."""
    shape, look = _MODES.get(name, ("lock-open", "idle"))
    return format_html(
        '<span class="nowrap is-{}">{} <span>{}{}</span></span>',
        look,
        icon(shape),
        f"{count} " if count else "",
        name,
    )


@register.simple_tag
def life_bar(life: Life) -> SafeString:
    """What is left of one certificate's life, and the half at which it is renewed."""
    return format_html(
        '<svg class="life-bar" role="img" aria-label="{}, {}% of its life left" '
        'preserveAspectRatio="none"><rect width="100%" height="100%" class="fill-rest"/>'
        '<rect width="{}%" height="100%" class="fill-{}"/>'
        '<line x1="50%" x2="50%" y1="0" y2="100%" class="life-half"/></svg>',
        life.word,
        round(life.share_left * 100),
        f"{life.share_left * 100:.1f}",
        life.look,
    )


@register.simple_tag
def expiry_strip(bins: Sequence[Bin]) -> SafeString:
    """How many certificates end in each of the next hours, as bars over an axis."""
    top = max((one.count for one in bins), default=0) or 1
    words = ", ".join(
        f"{one.count} in {'the last hour or later' if one.hour == BINS - 1 else f'{one.hour} h'}"
        for one in bins
        if one.count
    )
    bars = (
        (
            one.look,
            f"{one.hour * _BAR + 1}",
            f"{_HEIGHT - height:.1f}",
            f"{height:.1f}",
            f"{one.count} end in {one.hour} to {one.hour + 1} h",
        )
        for one in bins
        if one.count and (height := max(3.0, (_HEIGHT - 4) * one.count / top))
    )
    return format_html(
        '<svg class="expiry-strip" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" '
        'aria-label="Certificates by when they end: {}">'
        '<rect width="{}" height="{}" class="fill-rest"/>{}</svg>',
        BINS * _BAR,
        _HEIGHT,
        words or "none",
        BINS * _BAR,
        _HEIGHT,
        format_html_join(
            "",
            '<rect class="fill-{}" x="{}" y="{}" width="8" height="{}"><title>{}</title></rect>',
            bars,
        ),
    )
