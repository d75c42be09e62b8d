"""The table in force is swapped whole; what outlives a table is carried over."""

from __future__ import annotations

from proxy.contract.digest import digest_of
from proxy.contract.snapshot import Endpoint, Service, Snapshot
from proxy.current import Current


def _endpoint(name: str, port: int, weight: int = 100, group: str = "g") -> Endpoint:
    return Endpoint(id=name, addr=f"127.0.0.1:{port}", group=group, unit="u", weight=weight)


def _snapshot(*endpoints: Endpoint) -> Snapshot:
    return Snapshot(service={"s": Service(name="s", endpoints=endpoints, groups=("g", "h"))})


class _Pool:
    encrypted = 0
    replacing = None

    def sweep(self, now: float, looks: bool) -> None:
        pass

    """A pool that says whether it was asked to close."""

    opened = 0
    ready: tuple[object, ...] = ()
    waiting: tuple[object, ...] = ()

    def __init__(self) -> None:
        self.closed = False

    def close_ready(self) -> None:
        self.closed = True


def test_a_swap_changes_everything_a_reader_sees_at_once() -> None:
    current = Current()
    assert (current.v, current.digest) == (0, "")
    snapshot = _snapshot(_endpoint("a", 1))
    current.swap(snapshot, 7)
    assert (current.v, current.snapshot) == (7, snapshot)
    assert current.digest == digest_of(snapshot)
    current.swap(snapshot, 8, "said by the console")
    assert current.digest == "said by the console"


def test_an_endpoint_that_stays_keeps_its_counters_and_connections() -> None:
    current = Current()
    current.swap(_snapshot(_endpoint("a", 1), _endpoint("b", 2)), 1)
    before = {stats.endpoint.id: stats for stats in current.table.endpoint_stats()}
    before["a"].attempts = 5
    member = current.table.members["s", "a", "127.0.0.1:1"]
    kept, gone = _Pool(), _Pool()
    member.pools["http1"] = kept
    leaving = current.table.members["s", "b", "127.0.0.1:2"]
    leaving.pools["http1"] = gone
    current.swap(_snapshot(_endpoint("a", 1, weight=7, group="h")), 2)
    (after,) = current.table.endpoint_stats()
    assert after is before["a"]
    assert after.attempts == 5
    assert after.endpoint.weight == 7
    assert current.table.members["s", "a", "127.0.0.1:1"].pools == {"http1": kept}
    assert not kept.closed
    assert gone.closed
    assert leaving.retired


def test_an_instance_at_another_address_is_another_endpoint() -> None:
    current = Current()
    current.swap(_snapshot(_endpoint("a", 1)), 1)
    (before,) = current.table.members.values()
    current.swap(_snapshot(_endpoint("a", 2)), 2)
    (after,) = current.table.members.values()
    assert after is not before
    assert before.retired


def test_turns_go_on_over_a_swap() -> None:
    current = Current()
    current.swap(_snapshot(*(_endpoint(str(n), n) for n in range(1, 9))), 1)
    current.table.targets["s"].everyone.turn = 5
    current.table.targets["s"].choices["g"].turn = 3
    current.swap(_snapshot(*(_endpoint(str(n), n) for n in range(1, 10))), 2)
    assert current.table.targets["s"].everyone.turn == 5
    assert current.table.targets["s"].choices["g"].turn == 3


def test_groups_hold_their_own_endpoints_also_when_they_have_none() -> None:
    current = Current()
    current.swap(_snapshot(_endpoint("a", 1), _endpoint("b", 2)), 1)
    choices = current.table.targets["s"].choices
    assert len(choices["g"].members) == 2
    assert choices["h"].members == ()
