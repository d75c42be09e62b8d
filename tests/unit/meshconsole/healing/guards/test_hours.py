"""Hours of the week: over midnight, whole days, and zones."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from meshconsole.healing.guards.hours import holds_until, is_zone, told

FRIDAY = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "begins", "ends", "zone", "until"),
    [
        ([5], "09:00", "17:00", "UTC", "2026-01-02T17:00:00+00:00"),
        ([5], "12:00", "12:01", "UTC", "2026-01-02T12:01:00+00:00"),
        ([5], "09:00", "12:00", "UTC", None),
        ([4], "09:00", "17:00", "UTC", None),
        ([4], "22:00", "13:00", "UTC", "2026-01-02T13:00:00+00:00"),
        ([4], "22:00", "06:00", "UTC", None),
        ([5], "00:00", "00:00", "UTC", "2026-01-03T00:00:00+00:00"),
        ([5], "13:00", "13:30", "Europe/Berlin", "2026-01-02T13:30:00+01:00"),
        ([5], "12:00", "12:30", "Europe/Berlin", None),
    ],
)
def test_when_hours_hold(
    days: list[int], begins: str, ends: str, zone: str, until: str | None
) -> None:
    found = holds_until(days, time.fromisoformat(begins), time.fromisoformat(ends), zone, FRIDAY)
    assert (found.isoformat() if found else None) == until


def test_hours_are_told_as_people_say_them() -> None:
    nine, five = time(9), time(17)
    assert told([1, 2, 3, 4, 5], nine, five, "UTC") == "Mon–Fri 09:00–17:00 UTC"
    assert told([1, 3], nine, five, "UTC") == "Mon, Wed 09:00–17:00 UTC"
    assert told([1, 2, 3, 4, 5, 6, 7], nine, five, "UTC") == "every day 09:00–17:00 UTC"


def test_zones_are_known_by_name() -> None:
    assert is_zone("Europe/Berlin")
    assert not is_zone("../etc/passwd")
