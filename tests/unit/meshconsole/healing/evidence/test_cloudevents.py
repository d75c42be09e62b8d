"""An event of a batch is a report, or it is said what is wrong with it and where."""

from __future__ import annotations

from typing import Any

import pytest

from meshconsole.healing.evidence.cloudevents import TYPE, event_id, event_read

DATA: dict[str, Any] = {
    "subject": {"instance": "order-1", "app": "order"},
    "phase": "failing",
    "rule": "error_rate",
    "window_start": 1.0,
    "window_end": 2.0,
    "n": 20,
}


def an_event(**fields: Any) -> dict[str, Any]:
    event = {"specversion": "1.0", "type": TYPE, "source": "/probe", "id": "e1", "data": DATA}
    return event | fields


def test_its_data_is_a_report_under_a_name_of_the_sender() -> None:
    event = event_read(an_event(time="2026-01-02T03:04:05Z", extension="x"), "api:a")
    assert event.fault is None
    assert event.report is not None
    assert (event.id, event.report.subject.instance) == ("e1", "order-1")
    assert event.report.id == event_id("api:a", "/probe", "e1")


def test_a_sender_cannot_take_the_name_of_anothers_event() -> None:
    names = {
        event.report.id
        for account in ("api:a", "api:b")
        for source in ("/probe", "/other")
        if (event := event_read(an_event(source=source), account)).report is not None
    }
    assert len(names) == 4
    assert event_read(an_event(data=DATA | {"id": "mine"}), "api:a").report == (
        event_read(an_event(), "api:a").report
    )


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ("text", ""),
        (an_event(specversion="0.3"), "/specversion"),
        (an_event(type="other"), "/type"),
        (an_event(id=7), "/id"),
        (an_event(source=""), "/source"),
        (an_event(source="x" * 513), "/source"),
        (an_event(data="text"), "/data"),
        (an_event(data=DATA | {"n": -1}), "/data/n"),
        (an_event(data=DATA | {"phase": "odd"}), "/data/phase"),
        (an_event(data=DATA | {"subject": "order-1"}), "/data/subject"),
        (an_event(data=DATA | {"subject": {"app": "order"}}), "/data/subject"),
        (an_event(data={}), "/data/subject"),
        (an_event(data=DATA | {"errors": {"magic": 1}}), "/data/errors"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(given: Any, pointer: str) -> None:
    event = event_read(given, "api:a")
    assert event.report is None
    assert event.fault is not None
    assert event.fault.pointer == pointer
    assert event.fault.detail.endswith(".")
