"""The exposition is Prometheus's, and its labels are ours alone."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from proxy.metrics import exposition
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
