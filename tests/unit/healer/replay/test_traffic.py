"""Minutes are the differences of spans that end now, and no traffic is no answer."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from healer.replay import traffic
from meshconsole.core.errors import Degraded
from meshconsole.telemetry import selectors
from proxy.contract.snapshot import HealingTerms

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TERMS = {"shop": HealingTerms(name="shop")}


def test_each_minute_is_judged_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of three fails in the second last minute alone."""

    def told(*, minutes: int, now: float) -> list[SimpleNamespace]:
        errors = {"a": 90 if minutes >= 2 else 0}
        return [
            SimpleNamespace(
                app="shop",
                instance=name,
                figures=SimpleNamespace(requests=100 * minutes, error_count=errors.get(name, 0)),
            )
            for name in ("a", "b", "c")
        ]

    monkeypatch.setattr(selectors, "instances", told)
    judged = traffic.traffic_judged(TERMS, TERMS, NOW)
    assert [(one.app, one.windows, one.was, one.then) for one in judged] == [("shop", 45, 1, 1)]
    assert traffic.traffic_judged({}, {}, NOW) == ()


def test_while_traffic_cannot_be_read_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**_: object) -> None:
        raise Degraded("Redis does not answer.")

    monkeypatch.setattr(selectors, "instances", away)
    assert traffic.traffic_judged(TERMS, TERMS, NOW) == ()
