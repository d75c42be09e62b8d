"""Who is active on an instance: by what was sent in the last minute, or by leaving it out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from meshconsole.core import redis
from meshconsole.core.errors import Degraded
from meshconsole.healing.evidence.callers import active_callers, callers_sample
from meshconsole.healing.evidence.claims import Message
from meshconsole.healing.evidence.witnesses import (
    Breadth,
    breadth_of,
    newest_evidence_at,
    witnesses,
)
from meshconsole.healing.services import messages_ingest
from meshconsole.telemetry.links import TOLD, Told, encode
from proxy.contract.identity import InstanceIdentity
from proxy.contract.reports import AnomalyReport, LinkCounts, Subject
from tests.factories import an_ejection, an_instance

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mesh_redis")]
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _estate() -> None:
    for number in (1, 2, 3):
        an_instance(f"gateway-{number}", application="gateway")
        an_instance(f"order-{number}")
    an_instance("order-far", group="Group_2")


def told(caller: str, at: float, started: dict[str, int], boot: str = "b1") -> None:
    """A caller's ledger at `at` seconds after NOW: requests so far by endpoint."""
    edges = tuple(
        LinkCounts(side="out", app="order", instance=name, protocol="http1", started=count)
        for name, count in started.items()
    )
    word = Told(
        instance=caller,
        app="gateway",
        unit="unit1",
        boot=boot,
        at=NOW.timestamp() + at,
        edges=edges,
    )
    redis.client(text=False).hset(TOLD, mapping={word.name: encode(word)})


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def a_message(caller: str, at: float, *, ejects: bool = False, subject: str = "order-1") -> Message:
    identity = InstanceIdentity(
        trust_domain="mesh.local", unit="unit1", app="gateway", instance=caller
    )
    report = AnomalyReport(
        id=f"{caller}-{subject}-{at}",
        subject=Subject(instance=subject, address="", app=subject.split("-")[0], unit="unit1"),
        phase="failing",
        rule="consecutive",
        window_start=NOW.timestamp() + at - 1,
        window_end=NOW.timestamp() + at,
        n=10,
        errors={"connect": 10},
        ejection=an_ejection(subject) if ejects else None,
    )
    return Message(reporter=identity, boot_id="b", seq=1, events=[report])


def seen(at: float, instance: str = "order-1") -> dict[str, tuple[int, int]]:
    found = active_callers(instance, now=later(at))
    return {each.instance: (each.requests, each.group_requests) for each in found.callers}


def sent(caller: str, at: float, **started: int) -> None:
    told(caller, at, {name.replace("_", "-"): count for name, count in started.items()})


def test_what_was_sent_in_the_last_minute_counts_and_what_was_before_does_not() -> None:
    messages_ingest([a_message("gateway-1", 0)], now=NOW)
    sent("gateway-1", 0, order_1=100, order_2=100)
    sent("gateway-2", 0, order_1=7)
    assert callers_sample(now=NOW) == 1
    assert callers_sample(now=NOW) == 0
    sent("gateway-1", 59, order_1=130, order_2=150, order_far=999)
    sent("gateway-2", 59, order_1=7)
    sent("gateway-3", 59, order_2=50)
    assert seen(60) == {"gateway-1": (30, 80)}
    assert active_callers("order-1", now=later(60)).span_seconds == 65.0


def test_who_leaves_it_out_is_active_with_the_weight_of_what_the_others_get() -> None:
    messages_ingest([a_message("gateway-1", 0)], now=NOW)
    sent("gateway-1", 0, order_1=10)
    callers_sample(now=NOW)
    sent("gateway-1", 59, order_1=10, order_2=30)
    sent("gateway-2", 59, order_1=10)
    messages_ingest([a_message("gateway-1", 59, ejects=True)], now=later(59))
    callers = active_callers("order-1", now=later(60))
    assert {each.instance: each.leaves_it_out for each in callers.callers} == {
        "gateway-1": True, "gateway-2": False,
    }  # fmt: skip
    assert callers.weights() == {"gateway-1": 0.75, "gateway-2": 0.25}


def test_without_an_old_reading_all_that_was_ever_sent_counts() -> None:
    sent("gateway-1", 0, order_1=100)
    sent("gateway-2", 0, order_1=1)
    found = active_callers("order-1", now=NOW)
    assert (found.active, found.span_seconds) == (2, None)


def test_a_caller_that_restarted_counts_from_zero_and_a_silent_one_not_at_all() -> None:
    messages_ingest([a_message("gateway-1", 0)], now=NOW)
    sent("gateway-1", 0, order_1=100)
    sent("gateway-2", 0, order_1=100)
    callers_sample(now=NOW)
    told("gateway-1", 100, {"order-1": 3}, boot="b2")
    assert seen(100) == {"gateway-1": (3, 3)}


def test_nothing_is_read_while_all_is_well() -> None:
    sent("gateway-1", 0, order_1=100)
    assert callers_sample(now=NOW) == 0
    assert not redis.client().keys("mesh:callers:*")


def test_without_redis_nobody_is_counted_and_sampling_goes_on(settings: object) -> None:
    messages_ingest([a_message("gateway-1", 0)], now=NOW)
    settings.MESH_REDIS_URL = "unix:///nowhere/redis.sock"  # type: ignore[attr-defined]
    assert callers_sample(now=NOW) == 0
    with pytest.raises(Degraded):
        active_callers("order-1", now=NOW)


def test_witnesses_are_each_reporters_latest_word_weighed_and_with_its_ejection() -> None:
    sent("gateway-1", 0, order_1=30)
    sent("gateway-2", 0, order_1=10)
    messages_ingest([a_message("gateway-1", 0)], now=NOW)
    messages_ingest([a_message("gateway-2", 1, ejects=True)], now=later(1))
    callers = active_callers("order-1", now=later(1))
    two, one = witnesses("order-1", now=later(1), callers=callers)
    assert (one.reporter, one.mode, one.weight, one.requests) == ("gateway-1", "", 0.75, 30)
    assert (two.reporter, two.mode, two.weight, two.origin) == (
        "gateway-2", "eject", 0.25, "sidecar",
    )  # fmt: skip
    assert two.errors == {"connect": 10}
    assert newest_evidence_at("order-1", now=later(1)) == later(1)
    assert newest_evidence_at("order-1", now=later(90)) is None


def test_who_says_it_of_much_of_the_mesh_is_told_by_how_much() -> None:
    an_instance("stock-1", application="stock")
    for subject in ("order-1", "order-2", "stock-1"):
        messages_ingest([a_message("gateway-1", 0, subject=subject)], now=NOW)
    assert breadth_of(["gateway-1", "gateway-2"]) == {
        "gateway-1": Breadth(instances=3, services=2),
        "gateway-2": Breadth(instances=0, services=0),
    }
