"""A sidecar shakes hands with itself before anybody is told that it can encrypt."""

from __future__ import annotations

from datetime import UTC, datetime

from proxy.contract.snapshot import Inbound, Snapshot, Trust
from proxy.encryption.holder import Holder
from proxy.encryption.identity import Identity, KeyRequest
from proxy.inbound.gate import Gate
from proxy.inbound.selfcheck import SelfCheck
from proxy.inbound.state import link_state
from proxy.windows import Windows
from tests.harness.authority import TRUST_DOMAIN, MeshRoot

ROOT, NEXT = MeshRoot(1), MeshRoot(2)
URI = f"spiffe://{TRUST_DOMAIN}/unit/unit1/app/order/instance/order-1"


def identity() -> Identity:
    request = KeyRequest("order-1")
    cert = ROOT.cert(request.csr, URI)
    return request.fulfilled(cert, unit="unit1", app="order", now=datetime.now(UTC))


def check_of(gate: Gate) -> SelfCheck:
    return SelfCheck(gate, lambda: ("127.0.0.1", 9))


async def test_while_only_plaintext_is_taken_it_is_tried_in_memory() -> None:
    holder = Holder()
    gate = Gate("order", "order-1", holder)
    check = check_of(gate)
    assert not check.ready
    assert "no certificate" in await check.check()
    holder.certify(identity())
    assert await check.check() == ""


async def test_a_certificate_of_a_root_that_is_no_longer_trusted_is_not_ready() -> None:
    holder = Holder()
    gate = Gate("order", "order-1", holder)
    holder.certify(identity())
    trust = Trust(name="mesh", domain=TRUST_DOMAIN, roots=(NEXT.pem,))
    holder.follow(Snapshot(trust={"mesh": trust}))
    assert "not trusted" in await check_of(gate).check()


async def test_a_port_where_nobody_answers_is_not_ready() -> None:
    holder = Holder()
    gate = Gate("order", "order-1", holder)
    holder.certify(identity())
    gate.follow(Snapshot(inbound={"order": Inbound(name="order", mode="permissive")}))
    assert "failed" in await check_of(gate).check()


def test_the_state_names_the_certificate_and_what_is_trusted() -> None:
    holder = Holder()
    gate = Gate("order", "order-1", holder)
    own = identity()
    holder.certify(own)
    windows = Windows()
    windows.counts("in", "order", "unit1", "all", "other", False).observe(200, None, 0.1, 0, 0)
    state = link_state(gate, None, windows)
    assert (state.mode, state.ready) == ("plaintext", False)
    assert (state.serial, state.issuer, state.trusts) == (own.serial, own.issuer, (own.issuer,))
    assert state.not_after == own.ends_at.timestamp()
    assert state.plain_requests == 1
