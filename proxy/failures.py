"""A failed attempt at an endpoint, whose fault it is, and whoever hears of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection
from time import monotonic
from typing import TYPE_CHECKING, Protocol

import msgspec

from proxy.contract.reports import ErrorClass
from proxy.contract.snapshot import Endpoint
from proxy.stall import STALL

if TYPE_CHECKING:
    from proxy.member import Member

OURS = frozenset(
    os.strerror(one)
    for one in (
        errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL,
        errno.ENETDOWN, errno.ENETUNREACH,
    )
)  # fmt: skip
"""Why a dial failed when this machine is at its end, and the endpoint was never reached."""
IN_TIME = ("no connection within", "TLS: the handshake did not")
"""How the words for a dial begin that was not done in time."""
BLAMELESS_FLAGS = frozenset({b"DPE", b"LR", b"NR", b"OM", b"RL", b"UAEX", b"UO"})
"""Of an endpoint's sidecar: it refused on purpose, or its caller asked for it."""
REJECT = b"\r\nx-mesh-reject:"
"""An answer with this header is a limiter's word, and says nothing of health."""


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt failed, `elapsed` seconds after it began; its counters were moved already."""

    service: str
    endpoint: Endpoint
    error: ErrorClass
    detail: str = ""
    elapsed: float = 0.0
    interface: str = ""
    trace_id: str = ""
    streak: int = 0
    """How often in a row it could not be reached, with this time; 0 is unknown."""


class Answer(Protocol):
    """What is looked at of an answer."""

    status: int
    mesh_flag: bytes

    def after(self, needle: bytes, /) -> bytes | None:
        """The value of a header."""


def is_ours(error: ErrorClass, detail: str) -> bool:
    """Did an attempt fail because of this process or machine? A deadline that passed while the
    loop was away was perhaps kept; who refuses a connection would have refused it anyway."""
    if error == "timeout":
        return STALL.blames_us()
    if error == "connect":
        return detail in OURS or (detail.startswith(IN_TIME) and STALL.blames_us())
    return False


def is_blameless(answer: Answer, statuses: Collection[int]) -> bool:
    """Does an answer of 500 or more, or one that says it is an error, speak of something else than
    the endpoint's health? `statuses` are those that do speak of it."""
    if answer.mesh_flag == b"UF":  # its application cannot be reached
        return False
    if answer.mesh_flag in BLAMELESS_FLAGS or answer.after(REJECT) is not None:
        return True
    return answer.status >= 500 and answer.status not in statuses


def counted(
    member: Member,
    error: ErrorClass,
    detail: str,
    began: float,
    interface: str,
    trace_id: str = "",
    excused: bool = False,
) -> Failure | None:
    """Count a failed attempt at a member; what there is to tell of it, if it is the member's
    fault."""
    stats = member.stats
    excused = excused or is_ours(error, detail)
    stats.fail(error, excused)
    if excused:
        return None
    return Failure(
        service=stats.service,
        endpoint=member.endpoint,
        error=error,
        detail=detail,
        elapsed=monotonic() - began,
        interface=interface,
        trace_id=trace_id,
        streak=stats.streak,
    )


class Failures(Protocol):
    """Hears of each failed attempt."""

    def failed(self, failure: Failure, /) -> None:
        """One attempt failed."""


class Unheard:
    """Failures of a proxy that has nobody to tell."""

    def failed(self, _failure: Failure, /) -> None:
        """Nothing: the metrics have counted it."""
