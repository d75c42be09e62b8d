"""Figures that stand on every page: browsers are told when one of them has come to look different.

Such a figure has no row whose change could be told. It is looked at by the hub, once per process
however many browsers there are, and only what people would see differently is worth a frame.
"""

from __future__ import annotations

from collections.abc import Callable

from django.utils import timezone

from meshconsole.live.selectors import Frame

Look = Callable[[], str]
_LOOKS: dict[str, Look] = {}


def watch(topic: str, look: Look) -> None:
    """Tell those who listen to `topic` whenever `look()`, what people see of it, has changed."""
    _LOOKS[topic] = look


class Watch:
    """What the browsers of one process were told last."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}

    def changed(self) -> list[Frame]:
        """A frame, without an id, for each figure that looks different now."""
        frames = []
        for topic, look in _LOOKS.items():
            shown = look()
            if self._told.get(topic) != shown:
                self._told[topic] = shown
                frames.append(_frame(topic))
        return frames


def _frame(topic: str) -> Frame:
    at = timezone.now().isoformat()
    return Frame(id=0, topic=topic, kind="changed", ref="", data={}, at=at)
