"""What an answer's status means to the mesh, and which status says why the mesh refused."""

from __future__ import annotations

from proxy.contract.reports import ErrorClass
from proxy.flags import Flag

SUCCESS = 0
ERROR = 1
SERVER_EXCEPTION = 2
UNKNOWN = 3
SERVER_THREADPOOL_BUSY = 4
ERROR_COMM = 5
NO_PROCESSOR = 6
TIMEOUT = 7
CLIENT_SEND_ERROR = 8
CODEC_EXCEPTION = 9
CONNECTION_CLOSED = 16
SERVER_SERIAL_EXCEPTION = 17
SERVER_DESERIAL_EXCEPTION = 18

_OF_FLAG: dict[Flag, int] = {
    "NR": NO_PROCESSOR,
    "UT": TIMEOUT,
    "SI": TIMEOUT,
    "OM": SERVER_THREADPOOL_BUSY,
    "RL": SERVER_THREADPOOL_BUSY,
    "UO": SERVER_THREADPOOL_BUSY,
    "UAEX": ERROR,
    "UH": ERROR_COMM,
    "UF": ERROR_COMM,
    "UR": ERROR_COMM,
    "URX": ERROR_COMM,
    "UC": CONNECTION_CLOSED,
    "DPE": CODEC_EXCEPTION,
    "UPE": CODEC_EXCEPTION,
}
_AS_HTTP: dict[int, tuple[int, ErrorClass | None]] = {
    SUCCESS: (200, None),
    TIMEOUT: (504, "timeout"),
    SERVER_THREADPOOL_BUSY: (503, None),
}
_FLAG_AS_HTTP = {b"RL": 429, b"NR": 404, b"DPE": 400, b"UAEX": 403}
"""Refusals of the endpoint's sidecar that are no failure of the endpoint."""


def status_of(flag: Flag) -> int:
    """The status by which a caller is told of a refusal."""
    return _OF_FLAG.get(flag, UNKNOWN)


def as_http(status: int, flag: bytes = b"") -> tuple[int, ErrorClass | None]:
    """The status of HTTP under which an answer is counted, and the class of its error."""
    if flag == b"UF":
        return 503, None  # as any sidecar says that it cannot reach its application
    if flag in _FLAG_AS_HTTP:
        return _FLAG_AS_HTTP[flag], None
    return _AS_HTTP.get(status, (500, None))
