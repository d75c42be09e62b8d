"""The gate's counters as Prometheus reads them."""

from __future__ import annotations

from proxy.contract.reports import LinkState
from proxy.encryption.holder import Holder
from proxy.inbound.gate import Gate
from proxy.metrics.encryption import gate_of
from proxy.metrics.text import text_of


def test_refusals_are_counted_by_reason_and_the_mode_in_force_is_one_of_four() -> None:
    gate = Gate("order", "order-1", Holder())
    gate.refusals.refuse("expired", "inbound", "10.0.0.1", "its certificate has expired")
    gate.callers.denied["enforce"] = 3
    text = text_of(gate_of(gate, LinkState(mode="strict", ready=True)))
    assert 'meshproxy_callers_refused_total{reason="expired"} 1' in text
    assert 'meshproxy_callers_denied_total{mode="enforce"} 3' in text
    assert 'meshproxy_tls_mode{mode="strict"} 1' in text
    assert 'meshproxy_tls_mode{mode="plaintext"} 0' in text
    assert "meshproxy_tls_ready 1" in text
