"""The exposition is Prometheus's, and its labels are ours alone."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from proxy.contract.snapshot import Endpoint, Service
from proxy.current import Member, Target
from proxy.listener import Listener, Unheard
from proxy.metrics import exposition
from proxy.pools import Pools
from proxy.settings import Limits
from proxy.steering.router import FixedRouter
from proxy.windows import Windows


def test_prometheus_reads_what_is_exposed() -> None:
    windows = Windows()
    counts = windows.counts("out", 'odd"\\app', "u", "g", "GET /x/{y}", False)
    counts.observe(200, None, 0.003, 1, 2)
    counts.observe(500, "5xx", 99.0, 1, 2)
    counts.observe(0, None, 1.0, 0, 0)
    text = exposition(windows.totals(), [], {"revision": 3.0})
    families = {family.name: family for family in text_string_to_metric_families(text)}
    requests = {s.labels["status"]: s.value for s in families["meshproxy_requests"].samples}
    assert requests == {"2xx": 1, "5xx": 1, "none": 1}
    assert families["meshproxy_requests"].samples[0].labels["app"] == 'odd"\\app'
    buckets = {
        s.labels["le"]: s.value
        for s in families["meshproxy_request_duration_seconds"].samples
        if s.name.endswith("_bucket")
    }
    assert buckets["0.0025"] == 0
    assert buckets["0.005"] == 1
    assert buckets["10"] == 1
    assert buckets["+Inf"] == 2
    assert families["meshproxy_revision"].samples[0].value == 3


def test_what_endpoints_could_not_take_is_counted_by_names_the_console_knows() -> None:
    service = Service(name="stock")
    endpoints = [Endpoint(id=name, addr="h:1", group="g", unit="u") for name in "abc"]
    members = [Member(service, endpoint) for endpoint in endpoints]
    members[0].stats.overflow = 2
    members[1].stats.overflow = 3
    members[2].stats.retries = 4
    members[2].not_reached(1.0, "refused")
    listener = Listener(
        name="outbound", side="out", routing=FixedRouter(Target(service, (), None).everyone),
        members=lambda: members, pools=Pools(Limits()), windows=Windows(), failures=Unheard(),
        access_log=None, limits=Limits(),
    )  # fmt: skip
    listener.retries_refused = 5
    text = exposition([], [listener], {})
    families = {family.name: family for family in text_string_to_metric_families(text)}
    (overflow,) = families["meshproxy_upstream_overflows"].samples
    assert overflow.labels == {"listener": "outbound", "app": "stock", "unit": "u", "group": "g"}
    assert overflow.value == 5
    assert families["meshproxy_upstream_retries"].samples[0].value == 4
    assert families["meshproxy_upstream_endpoints_unreachable"].samples[0].value == 1
    assert families["meshproxy_retries_refused"].samples[0].value == 5
