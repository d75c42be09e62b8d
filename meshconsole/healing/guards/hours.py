"""When protected hours hold: days of the week and times of day in a zone of their own; pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
"""ISO number 1 is the first."""


def is_zone(name: str) -> bool:
    """Is it a time zone that is known here?"""
    return name in _zones()


def holds_until(
    weekdays: Sequence[int], begins: time, ends: time, zone: str, now: datetime
) -> datetime | None:
    """The end of the hours that `now` falls into; None outside of them.

    Hours belong to the day on which they begin: Friday 22:00 to 06:00 ends on Saturday. Equal times
    are a whole day. `now` is aware; the answer is in the hours' own zone.
    """
    local = now.astimezone(ZoneInfo(zone))
    for days_ago in (0, 1):
        day = local.date() - timedelta(days=days_ago)
        if day.isoweekday() not in weekdays:
            continue
        start = datetime.combine(day, begins, tzinfo=local.tzinfo)
        over = datetime.combine(day, ends, tzinfo=local.tzinfo)
        if over <= start:
            over += timedelta(days=1)
        if start <= local < over:
            return over
    return None


def told(weekdays: Sequence[int], begins: time, ends: time, zone: str) -> str:
    """The hours as people say them, such as `Mon-Fri 09:00-17:00 UTC`."""
    return f"{_days(sorted(set(weekdays)))} {begins:%H:%M}–{ends:%H:%M} {zone}"


def _days(numbers: Sequence[int]) -> str:
    if len(numbers) == len(WEEKDAYS):
        return "every day"
    is_run = len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1
    if is_run:
        return f"{WEEKDAYS[numbers[0] - 1]}–{WEEKDAYS[numbers[-1] - 1]}"
    return ", ".join(WEEKDAYS[number - 1] for number in numbers)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
