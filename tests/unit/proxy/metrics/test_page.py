"""The exposition is Prometheus's, and its labels are ours alone."""

from __future__ import annotations

from hypothesis import given, strategies as st
from prometheus_client.parser import text_string_to_metric_families

from proxy.assembly import fixed
from proxy.current import Choice
from proxy.failures import Unheard
from proxy.limiting.admission import METERS_LIMIT
from proxy.links.ledger import Ledger
from proxy.listener import Listener
from proxy.metrics.footprint import footprint
from proxy.metrics.page import Seen, exposition
from proxy.metrics.text import Family, text_of
from proxy.metrics.upstreams import Grown, Upstreams
from proxy.pools import Pools
from proxy.settings import HostPort, Limits
from proxy.steering.router import FixedRouter
from proxy.windows import Windows


def _listener(choice: Choice) -> Listener:
    return Listener(
        name="outbound",
        side="out",
        routing=FixedRouter(choice),
        members=lambda: choice.members,
        pools=Pools(Limits()),
        windows=Windows(),
        failures=Unheard(),
        access_log=None,
        limits=Limits(),
    )


def _read(seen: Seen) -> dict[str, dict[str, float]]:
    """Values by family and by what tells its samples apart."""
    return {
        family.name: {",".join(sorted(s.labels.values())): s.value for s in family.samples}
        for family in text_string_to_metric_families(exposition(seen, Upstreams()))
    }


def test_prometheus_reads_what_is_exposed() -> None:
    windows = Windows()
    counts = windows.counts("out", 'odd"\\app', "u", "g", "GET /x/{y}", True)
    counts.observe(200, None, 0.003, 123_456_789, 2)
    counts.observe(500, "5xx", 99.0, 1, 2)
    counts.observe(0, None, 1.0, 0, 0)
    text = exposition(Seen(totals=windows.totals(), app="order", unit="v", revision=3), Upstreams())
    families = {family.name: family for family in text_string_to_metric_families(text)}
    requests = families["meshproxy_requests"].samples
    assert {s.labels["response_code"]: s.value for s in requests} == {"2xx": 1, "5xx": 1, "0": 1}
    assert requests[0].labels == {
        "reporter": "source",
        "source_app": "order",
        "source_unit": "v",
        "destination_app": 'odd"\\app',
        "destination_unit": "u",
        "destination_group": "g",
        "interface": "GET /x/{y}",
        "connection_security": "mutual_tls",
        "response_code": "2xx",
    }
    buckets = {
        s.labels["le"]: s.value
        for s in families["meshproxy_request_duration_seconds"].samples
        if s.name.endswith("_bucket")
    }
    assert buckets["0.0025"] == 0
    assert buckets["0.005"] == 1
    assert buckets["10"] == 1
    assert buckets["+Inf"] == 2
    received = families["meshproxy_request_body_bytes"].samples[0]
    assert received.value == 123_456_790
    assert families["meshproxy_config_revision"].samples[0].value == 3


def test_what_stands_before_the_endpoints_is_counted() -> None:
    choice = fixed("stock", (HostPort("127.0.0.1", 1), HostPort("127.0.0.1", 2)), unit="u")
    listener = _listener(choice)
    meter = listener.admission.enter("stock", "GET /x")
    meter.limit = 7
    meter.rejected = 2
    listener.refused("UO")
    choice.members[0].stats.in_flight = 3
    choice.members[1].stats.in_flight = 2
    choice.members[1].unreachable = 1
    choice.members[0].stats.retries = 5
    choice.members[1].stats.overflow = 4
    listener.retries_refused = 6
    read = _read(Seen(listeners=[listener], applied_at=1e9))
    assert read["meshproxy_upstream_endpoints"] == {"all,stock,u": 2}
    assert read["meshproxy_upstream_requests_in_flight"] == {"all,stock,u": 5}
    assert read["meshproxy_upstream_blacklisted"] == {"all,stock,u": 1}
    assert read["meshproxy_upstream_retries"] == {"all,stock,u": 5}
    assert read["meshproxy_upstream_overflows"] == {"all,stock,u": 4}
    assert read["meshproxy_retries_refused"] == {"outbound": 6}
    assert read["meshproxy_requests_in_flight"] == {"outbound": 1}
    assert read["meshproxy_limited"] == {"GET /x,outbound,stock": 2}
    assert read["meshproxy_limit_current"] == {"GET /x,outbound,stock": 7}
    assert read["meshproxy_refusals"] == {"UO,outbound": 1}
    assert read["meshproxy_config_applied_timestamp_seconds"] == {"": 1e9}
    assert "meshproxy_cert_expiry_timestamp_seconds" not in read


def test_a_count_does_not_fall_when_an_endpoint_goes() -> None:
    one, other = fixed("stock", (HostPort("a", 1), HostPort("b", 2))).members
    labels = {"destination_app": "stock"}
    grown = Grown(lambda member: member.stats.retries)
    one.stats.retries, other.stats.retries = 3, 4
    assert grown.samples([(labels, one), (labels, other)]) == [("", labels, 7)]
    one.stats.retries = 5
    assert grown.samples([(labels, one)]) == [("", labels, 9)]
    assert grown.samples([(labels, one)]) == [("", labels, 9)]
    assert grown.samples([]) == []


def test_no_address_and_no_id_is_a_label() -> None:
    choice = fixed("stock", (HostPort("10.9.8.7", 4321),))
    text = exposition(Seen(listeners=[_listener(choice)]), Upstreams())
    assert "10.9.8.7" not in text
    assert "4321" not in text


def test_interfaces_that_callers_make_up_share_one_series() -> None:
    choice = fixed("stock", (HostPort("127.0.0.1", 1),))
    listener = _listener(choice)
    for n in range(METERS_LIMIT + 100):
        listener.admission.enter("stock", f"GET /{n}").leave()
    read = _read(Seen(listeners=[listener]))
    assert len(read["meshproxy_limited"]) <= METERS_LIMIT + 1


@given(label=st.text(max_size=30), value=st.floats(allow_nan=False, allow_infinity=False))
def test_any_label_and_any_value_can_be_read_again(label: str, value: float) -> None:
    family = Family("meshproxy_x", "gauge", "X.", [("", {"name": label}, value)])
    text = text_of([family]).encode("utf-8", "replace").decode()
    (read,) = text_string_to_metric_families(text)
    (sample,) = read.samples
    assert sample.labels["name"] == label.encode("utf-8", "replace").decode()
    assert sample.value == value


def test_the_process_says_what_it_takes() -> None:
    read = {family.name: next(iter(family.samples))[2] for family in footprint()}
    assert read["process_resident_memory_bytes"] > 1_000_000
    assert read["process_open_fds"] >= 3
    assert read["process_start_time_seconds"] > 1e9


def test_the_ledger_is_summed_by_peer_and_says_what_was_cut() -> None:
    ledger = Ledger()
    for instance in ("s1", "s2"):
        account = ledger.endpoint("stock", "u", instance, "http2", "g1", True)
        account.opened += 1
        account.started += 4
        account.completed += 3
        account.cut += 1
        account.closed_hard += 1
    families = _read(Seen(links=tuple(ledger.sums())))
    peer = "mutual_tls"
    assert families["meshproxy_link_started"] == {f"http2,{peer},stock,u,upstream": 8}
    ended = families["meshproxy_link_ended"]
    assert sum(n for labels, n in ended.items() if "completed" in labels) == 6
    assert sum(n for labels, n in ended.items() if "cut" in labels) == 2
    assert families["meshproxy_inflight_dropped"] == {"": 2}
    assert families["meshproxy_link_imbalance"] == {"": 0}
