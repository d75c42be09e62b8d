"""An endpoint that cannot be reached is left alone for a while, and longer each time."""

from __future__ import annotations

import pytest

from proxy.contract.snapshot import Endpoint, Service
from proxy.errors import Unavailable
from proxy.member import REST_LIMIT_SECONDS, REST_SECONDS, Member


def _member() -> Member:
    return Member(Service(name="s"), Endpoint(id="a", addr="[::1]:81", group="g", unit="u"))


def test_each_failed_dial_doubles_the_rest_up_to_a_second() -> None:
    member = _member()
    now = 100.0
    rests = []
    for _ in range(8):
        member.not_reached(now, "refused")
        rests.append(round(member.rest_until - now, 6))
        now = member.rest_until
    assert rests == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]
    assert (REST_SECONDS, REST_LIMIT_SECONDS) == (0.05, 1.0)


def test_dials_that_fail_together_count_once_and_one_that_goes_well_ends_it() -> None:
    member = _member()
    for _ in range(100):
        member.not_reached(100.0, "refused")
    assert member.unreachable == 1
    assert member.circuit(100.0) == "open"
    assert member.circuit(100.05) == "half_open"
    member.reached()
    assert member.circuit(100.0) == "closed"
    assert member.why == ""


def test_a_full_endpoint_counts_who_was_turned_away() -> None:
    member = _member()
    with pytest.raises(Unavailable, match="waiting"):
        raise member.full()
    assert member.stats.overflow == 1


def test_an_address_of_version_six_loses_its_brackets() -> None:
    member = _member()
    assert (member.host, member.port) == ("::1", 81)
