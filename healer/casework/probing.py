"""The healer's own look at an instance: a connection, and a request where its address speaks HTTP.

Only addresses of the inventory are looked at, one at a time, for two seconds and a few bytes; what
is answered is a status line and nothing else is read. Where plaintext is refused by policy, or the
protocol is another one, a connection is all that can be asked for.
"""

from __future__ import annotations

import socket
import time
from datetime import datetime, timedelta

import msgspec
from django.utils import timezone

from healer.casework.hands import Hands
from meshconsole.core.crashpoints import around
from meshconsole.encryption.selectors import policy_get
from meshconsole.healing.cases.models import HealingCase
from meshconsole.healing.cases.states import CaseState
from meshconsole.inventory.models import Instance, Protocol

WAIT_SECONDS = 2.0
EVERY = timedelta(seconds=10)
LINE_BYTES = 4096
STATES = frozenset(
    {
        CaseState.COOLING,
        CaseState.CONFIRMING,
        CaseState.GATED,
        CaseState.AWAITING_APPROVAL,
        CaseState.FAILED,
        CaseState.ESCALATED,
    }
)
"""States in which it matters what the healer itself sees."""
_REQUEST = (
    b"GET / HTTP/1.1\r\nhost: %s\r\nuser-agent: meshconsole-healer\r\naccept: */*\r\n"
    b"connection: close\r\n\r\n"
)
_ASKED = frozenset({Protocol.AUTO, Protocol.HTTP1})


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What one look found."""

    is_ok: bool
    detail: str


def look(case: HealingCase, now: datetime, hands: Hands) -> None:
    """Look again when the last look is old."""
    at = 0.0 if case.probe is None else case.probe["at"]
    if case.state in STATES and now.timestamp() - at >= EVERY.total_seconds():
        hands.do(f"probe {case.pk}", lambda: probe_case(case.pk))
        case.refresh_from_db(fields=["probe"])


def probe_case(pk: int) -> None:
    """Look at the instance of a case and keep what was found."""
    case = HealingCase.objects.filter(pk=pk).first()
    if case is None:
        return
    seen = probe_instance(case.instance)
    found = {"at": timezone.now().timestamp(), "is_ok": seen.is_ok, "detail": seen.detail}
    HealingCase.objects.filter(pk=pk).update(probe=found)


def probe_instance(instance: str) -> Seen:
    """Look at an instance where inventory says it is."""
    row = Instance.objects.select_related("application").filter(instance_id=instance).first()
    if row is None:
        return Seen(is_ok=False, detail="It is not in the inventory.")
    with_request = row.application.protocol in _ASKED and not _is_strict(row)
    with around("probe"):
        return probe(row.address, with_request=with_request)


def _is_strict(row: Instance) -> bool:
    _, policy = policy_get(row.application.name)
    return policy.mode_of(row.instance_id) == "strict"


def probe(address: str, *, with_request: bool = True, seconds: float = WAIT_SECONDS) -> Seen:
    """Connect, ask if that is wanted, and read one line; comes back within `seconds`."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        return Seen(is_ok=False, detail=f"{address!r} is no address that can be looked at.")
    ends = time.monotonic() + seconds
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=seconds) as line:
            if not with_request:
                return Seen(is_ok=True, detail="It accepts connections.")
            line.settimeout(max(0.01, ends - time.monotonic()))
            line.sendall(_REQUEST % address.encode("ascii", "replace"))
            return _judged(_first_line(line, ends))
    except TimeoutError:
        return Seen(is_ok=False, detail=f"It does not answer within {seconds:g} s.")
    except (OSError, OverflowError) as error:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return Seen(is_ok=False, detail=f"It cannot be reached: {said}.")


def _first_line(line: socket.socket, ends: float) -> bytes:
    heard = b""
    while b"\r\n" not in heard and len(heard) < LINE_BYTES:
        left = ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        line.settimeout(left)
        more = line.recv(LINE_BYTES)
        if not more:
            break
        heard += more
    return heard.partition(b"\r\n")[0]


def _judged(first: bytes) -> Seen:
    words = first.split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        return Seen(is_ok=False, detail="What it answers is not HTTP.")
    status = int(words[1][:3])
    return Seen(is_ok=status < 500, detail=f"It answers {status}.")
