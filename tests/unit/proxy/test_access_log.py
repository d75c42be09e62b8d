"""The access log loses lines before it hurts traffic, and says how many."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from proxy.access_log import WAITING_LIMIT, AccessLog
from proxy.assembly import fixed
from proxy.contract.identity import InstanceIdentity
from proxy.contract.reports import ErrorClass
from proxy.encryption.peers import Peer
from proxy.errors import Refusal
from proxy.member import Member
from proxy.settings import HostPort, InvalidSettings

REFUSAL = Refusal(400, "DPE", "No.")


class Carried:
    """A TCP session that is over."""

    protocol = "tcp"
    flag = "UF"
    error: ErrorClass | None = "connect"
    bytes_in = 5
    bytes_out = 7
    attempts = 2
    name = "db.mesh"
    connect_seconds: float | None = 0.25
    peer: Peer | None = None

    def __init__(self, member: Member | None) -> None:
        self.member = member


def test_a_file_that_cannot_be_written_is_said_before_serving(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="name a file in a folder that exists"):
        AccessLog(str(tmp_path / "missing" / "log"), "inbound").check()


async def test_a_disk_that_fails_later_costs_lines_and_counts_them(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "missing" / "log"), "inbound")
    log.add_unread(REFUSAL)
    log.add_unread(REFUSAL)
    await log.flush()
    assert log.dropped == 2


async def test_lines_that_wait_are_bounded_by_their_bytes(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = AccessLog(str(path), "inbound")
    asked = 0
    while log.dropped < 5:
        log.add_unread(REFUSAL)
        asked += 1
    await log.flush()
    written = path.read_bytes()
    assert WAITING_LIMIT <= len(written) == log.written_bytes < WAITING_LIMIT + 1000
    assert written.count(b"\n") == asked - 5


async def test_a_file_that_was_renamed_gets_no_more_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = AccessLog(str(path), "inbound")
    log.add_unread(REFUSAL)
    await log.flush()
    path.rename(tmp_path / "log.1")
    log.add_unread(REFUSAL)
    await log.flush()
    assert path.read_bytes().count(b"\n") == (tmp_path / "log.1").read_bytes().count(b"\n") == 1


async def test_a_session_has_a_line_with_its_bytes_and_its_time(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = AccessLog(str(path), "inbound")
    log.add_session(Carried(fixed("db", (HostPort("10.0.0.1", 5432),)).members[0]), 2.5)
    log.add_session(Carried(None), 0.0)
    await log.flush()
    served, nobody = (json.loads(line) for line in path.read_bytes().splitlines())
    assert served["protocol"] == "tcp"
    assert (served["bytes_received"], served["bytes_sent"], served["duration"]) == (5, 7, 2500)
    assert (served["upstream_host"], served["upstream_cluster"]) == ("10.0.0.1:5432", "db")
    assert (served["response_flags"], served["upstream_request_attempt_count"]) == ("UF", 2)
    assert (served["method"], served["response_code"]) == (None, 0)
    assert (served["requested_server_name"], served["connect_duration"]) == ("db.mesh", 250)
    assert nobody["upstream_host"] is None


async def test_a_caller_with_a_certificate_is_named_and_nobody_else_is(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = AccessLog(str(path), "inbound")
    session = Carried(None)
    log.add_session(session, 0.0)
    session.peer = Peer(
        InstanceIdentity(trust_domain="mesh.test", unit="u1", app="front", instance="front-1"), b""
    )
    log.add_session(session, 0.0)
    await log.flush()
    stranger, known = (json.loads(line) for line in path.read_bytes().splitlines())
    assert "downstream_peer_uri_san" not in stranger
    uri = "spiffe://mesh.test/unit/u1/app/front/instance/front-1"
    assert known == stranger | {"start_time": known["start_time"], "downstream_peer_uri_san": uri}
