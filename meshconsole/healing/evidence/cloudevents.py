"""Reports as CloudEvents 1.0: a JSON batch, each of one type, its data a report without its id.

Pure. What an event says of its source is not who sent it: the sender is the account whose token was
shown. Source and id together name the event, as the specification has it, so that a batch may be
sent again until it is answered.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec

from proxy.contract.reports import AnomalyReport

TYPE = "io.meshconsole.anomaly.reported.v1"
SPECVERSION = "1.0"
EVENTS_LIMIT = 64
_TEXT_LIMIT = 512
_PATH = re.compile(r"`\$([^`]*)`")
_SUBJECT = {"address": "", "app": "", "unit": ""}


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with an event: where in it (JSON pointer), a stable code, a sentence."""

    pointer: str
    code: str
    detail: str


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a batch: its own id, and the report in it or what is wrong."""

    id: str
    report: AnomalyReport | None = None
    fault: Fault | None = None


def event_read(given: Any, account: str) -> Event:
    """Read one event that `account` sent; the report's id is made of account, source and id."""
    if not isinstance(given, dict):
        return Event(id="", fault=Fault("", "event", "An event is a JSON object."))
    id = given.get("id")
    shown = id[:128] if isinstance(id, str) else ""
    fault = _attributes(given)
    if fault is not None:
        return Event(id=shown, fault=fault)
    data = given["data"]
    subject = data.get("subject")
    if isinstance(subject, dict):
        subject = _SUBJECT | subject
    name = event_id(account, given["source"], given["id"])
    try:
        report = msgspec.convert(data | {"subject": subject, "id": name}, AnomalyReport)
    except msgspec.ValidationError as error:
        return Event(id=shown, fault=_fault_of(error))
    return Event(id=shown, report=report)


def event_id(*parts: str) -> str:
    """A name that only the same sender can give again."""
    joined = "\x00".join(parts).encode("utf-8", "replace")
    return f"event-{hashlib.sha256(joined).hexdigest()[:48]}"


def _attributes(given: dict[str, Any]) -> Fault | None:
    if given.get("specversion") != SPECVERSION:
        return Fault("/specversion", "specversion", f"specversion is {SPECVERSION!r}.")
    if given.get("type") != TYPE:
        return Fault("/type", "type", f"type is {TYPE!r}.")
    for name in ("id", "source"):
        value = given.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= _TEXT_LIMIT:
            return Fault(f"/{name}", name, f"{name} is a text of 1 to {_TEXT_LIMIT} letters.")
    if not isinstance(given.get("data"), dict):
        return Fault("/data", "data", "data is the report, as a JSON object.")
    return None


def _fault_of(error: msgspec.ValidationError) -> Fault:
    """Its sentence, and the place that it names at its end, such as `$.errors[...]`."""
    sentence, _, place = str(error).partition(" - at ")
    path = _PATH.search(place)
    pointer = path[1].replace("[...]", "").replace(".", "/") if path else ""
    return Fault(f"/data{pointer}", "data", f"{sentence}.")
