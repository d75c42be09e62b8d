"""Identity and trust as they change, and the contexts that are made of them."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import pytest

from proxy.contract.snapshot import Snapshot, Trust
from proxy.encryption.holder import Holder, NoIdentity
from proxy.encryption.identity import Identity, KeyRequest, subject_of
from tests.harness.authority import TRUST_DOMAIN, MeshRoot

ROOT, NEXT = MeshRoot(1), MeshRoot(2)
URI = f"spiffe://{TRUST_DOMAIN}/unit/unit1/app/order/instance/order-1"
NOW = datetime.now(UTC)


def identity_of(root: MeshRoot) -> Identity:
    request = KeyRequest("order-1")
    return request.fulfilled(root.cert(request.csr, URI), unit="unit1", app="order", now=NOW)


def trusting(*roots: MeshRoot) -> Snapshot:
    trust = Trust(name="mesh", domain=TRUST_DOMAIN, roots=tuple(root.pem for root in roots))
    return Snapshot(trust={"mesh": trust})


def held(root: MeshRoot = ROOT) -> Holder:
    holder = Holder()
    holder.certify(identity_of(root))
    return holder


def test_without_an_identity_there_is_no_tls_and_a_reason() -> None:
    holder = Holder()
    assert not holder.usable(NOW)
    assert "no certificate" in holder.why_unusable(NOW)
    assert (holder.roots, holder.domain, holder.serial) == ((), "", "")
    with pytest.raises(NoIdentity):
        holder.client_context("http1")
    with pytest.raises(NoIdentity):
        holder.server_context("auto")


def test_the_roots_that_came_with_the_identity_hold_until_a_snapshot_says_others() -> None:
    holder = held()
    assert list(holder.roots) == [ROOT.pem]
    assert holder.domain == TRUST_DOMAIN
    holder.follow(trusting(NEXT, ROOT))
    assert list(holder.roots) == [NEXT.pem, ROOT.pem]
    holder.follow(Snapshot())
    assert list(holder.roots) == [ROOT.pem]


def test_it_is_usable_from_its_first_to_its_last_moment_and_under_a_trusted_root_only() -> None:
    holder = held()
    identity = holder.identity
    assert identity is not None
    assert holder.usable(NOW)
    assert "ended" in holder.why_unusable(identity.ends_at)
    assert "begins" in holder.why_unusable(identity.begins_at - timedelta(seconds=1))
    holder.follow(trusting(NEXT))
    assert "not trusted" in holder.why_unusable(NOW)
    holder.certify(identity_of(NEXT))
    assert holder.usable(NOW)


def test_contexts_are_made_once_and_anew_after_every_change() -> None:
    holder = held()
    client, server = holder.client_context("http2"), holder.server_context("auto")
    assert holder.client_context("http2") is client
    assert holder.server_context("auto") is server
    assert holder.client_context("tcp") is not client
    holder.follow(trusting(ROOT, NEXT))
    assert holder.client_context("http2") is not client
    assert len(holder.server_context("auto").get_ca_certs()) == 2
    later = holder.server_context("auto")
    holder.certify(identity_of(ROOT))
    assert holder.server_context("auto") is not later


def test_contexts_speak_one_version_ask_for_a_certificate_and_resume_nothing() -> None:
    holder = held()
    for context in (holder.client_context("http1"), holder.server_context("http1")):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_3
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert len(context.get_ca_certs()) == 1
    assert holder.server_context("http1").num_tickets == 0


def test_who_watches_hears_of_each_change_and_of_nothing_else() -> None:
    holder = Holder()
    heard: list[tuple[str, str]] = []
    holder.watch(lambda: heard.append((holder.serial, holder.trust_mark)))
    identity = identity_of(ROOT)
    holder.certify(identity)
    holder.certify(identity)
    holder.follow(trusting(NEXT))
    holder.follow(trusting(NEXT))
    assert len(heard) == 2
    assert heard[0][0] == heard[1][0] == identity.serial
    assert heard[0][1] != heard[1][1]


def test_roots_that_cannot_be_read_leave_the_ones_before(
    caplog: pytest.LogCaptureFixture,
) -> None:
    holder = held()
    holder.follow(trusting(ROOT, NEXT))
    bad = Trust(name="mesh", domain=TRUST_DOMAIN, roots=("-----BEGIN CERTIFICATE-----\nno",))
    holder.follow(Snapshot(trust={"mesh": bad}))
    assert holder.roots == (ROOT.pem, NEXT.pem)
    assert "cannot be read" in caplog.text


def test_a_leaf_names_its_issuer_as_the_root_names_itself() -> None:
    identity = identity_of(ROOT)
    assert identity.issuer == subject_of(ROOT.pem) != subject_of(NEXT.pem)
