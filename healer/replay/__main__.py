"""`python -m healer.replay --hours 24 --set cooldown_seconds=60`: print what would have been."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import timedelta
from typing import Any


def main() -> int:
    """One JSON document; exit 2 for numbers that nobody may set."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "meshconsole.settings")
    django.setup()
    import msgspec
    from django.utils import timezone

    from healer.replay.running import Candidate, replayed
    from meshconsole.healing.guards.parameters import EJECTION, MODES, PARAMETERS, number_faults

    parser = argparse.ArgumentParser(prog="python -m healer.replay", description=__doc__)
    parser.add_argument("--hours", type=float, default=24.0, help="of cases, up to now")
    parser.add_argument("--application", default="", help="whose cases; everybody's by default")
    parser.add_argument("--mode", choices=MODES, default="auto")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=NUMBER", type=_pair)
    given = parser.parse_args()
    chosen: dict[str, Any] = dict(given.set)
    faults = list(number_faults(chosen, PARAMETERS | EJECTION))
    if faults:
        print(faults[0], file=sys.stderr)
        return 2
    now = timezone.now()
    found = replayed(
        Candidate(
            mode=given.mode,
            numbers={name: value for name, value in chosen.items() if name in PARAMETERS},
            ejection={name: value for name, value in chosen.items() if name in EJECTION},
        ),
        begins_at=now - timedelta(hours=given.hours),
        ends_at=now,
        application=given.application,
        now=now,
    )
    print(msgspec.json.format(msgspec.json.encode(found)).decode())
    return 0


def _pair(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise argparse.ArgumentTypeError("write NAME=NUMBER, as cooldown_seconds=60") from None


if __name__ == "__main__":
    sys.exit(main())
