"""A token is good once, soon, and for the sidecar it was made for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.core.management import call_command

from meshconsole.audit.models import AuditEntry
from meshconsole.core.errors import Invalid
from meshconsole.encryption import authority
from meshconsole.encryption.issuance import (
    IssuedCertificate,
    JoinRefused,
    certificates_prune,
    enrol,
    join_token_create,
    renew,
    server_certificate,
)
from meshconsole.encryption.keeping import authority_ensure
from meshconsole.encryption.models import Authority, Certificate, JoinToken
from proxy.contract.identity import InstanceIdentity, Node
from tests.factories import a_node
from tests.harness.requests import a_csr

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


def a_token(**fields: object) -> str:
    given = {"application": "order", "unit": "unit1", "actor": "admin", "now": NOW} | fields
    return join_token_create(**given)  # type: ignore[arg-type]


def csr() -> str:
    return a_csr(ec.generate_private_key(ec.SECP256R1()))


def joined(
    token: str, node: Node | None = None, *, pem: str = "", now: datetime = NOW
) -> IssuedCertificate:
    return enrol(token=token, csr_pem=pem or csr(), claimed=node or a_node(), now=now)


def refused(token: str, node: Node | None = None, *, pem: str = "", now: datetime = NOW) -> str:
    with pytest.raises(JoinRefused) as refusal:
        joined(token, node, pem=pem, now=now)
    assert refusal.value.msg.endswith(".")
    return refusal.value.code


def test_a_token_brings_one_certificate_for_the_identity_that_the_server_built() -> None:
    issued = joined(a_token())
    assert issued.uri == "spiffe://mesh.local/unit/unit1/app/order/instance/order-1"
    assert issued.not_after - NOW.replace(microsecond=0) == timedelta(hours=24)
    row = Certificate.objects.get()
    assert (row.uri, row.purpose) == (issued.uri, "join")
    assert issued.roots == Authority.objects.get().certificate


def test_a_token_carries_the_pin_of_the_root() -> None:
    token = a_token()
    assert token.startswith("mcj_")
    root = authority.certificate_load(Authority.objects.get().certificate)
    assert token.split(".")[1] == authority.root_pin(root)


def test_only_the_hash_of_a_token_is_kept() -> None:
    secret = a_token().removeprefix("mcj_").split(".")[0]
    row = JoinToken.objects.get()
    assert secret not in repr(vars(row))
    assert all(secret not in repr(vars(entry)) for entry in AuditEntry.objects.all())


def test_a_token_is_good_once() -> None:
    token = a_token()
    joined(token)
    assert refused(token) == "token_used"
    assert Certificate.objects.count() == 1


def test_a_token_ends() -> None:
    token = a_token(ttl_seconds=60)
    assert refused(token, now=NOW + timedelta(seconds=60)) == "token_expired"
    joined(token, now=NOW + timedelta(seconds=59))


@pytest.mark.parametrize(
    ("claim", "code"),
    [
        ({"app": "stock"}, "token_other_application"),
        ({"unit": "unit2"}, "token_other_unit"),
        ({"id": "order-2"}, "token_other_instance"),
    ],
)
def test_a_token_is_for_one_sidecar(claim: dict[str, str], code: str) -> None:
    token = a_token(instance="order-1")
    node = a_node(**({"id": "order-1"} | claim))
    assert refused(token, node) == code
    entry = AuditEntry.objects.get(verb="certificate.refuse")
    assert (entry.after or {})["code"] == code
    joined(token)


def test_an_unknown_token_is_refused_and_fills_no_audit() -> None:
    authority_ensure(NOW)
    before = AuditEntry.objects.count()
    for token in ("", "mcj_", "mcj_x.y", "\0", "é" * 100, "mcj_" + "a" * 10_000):
        assert refused(token) == "token_unknown"
    assert AuditEntry.objects.count() == before


def test_a_bad_request_does_not_burn_the_token() -> None:
    token = a_token()
    weak = a_csr(rsa.generate_private_key(65537, 1024))  # noqa: S505
    assert refused(token, pem=weak) == "csr_key"
    assert refused(token, pem="nonsense") == "csr_malformed"
    assert Certificate.objects.count() == 0
    joined(token)


def test_a_name_that_would_break_the_identity_is_refused() -> None:
    token = a_token()
    for name in ("a/b", "../x", "order 1", "x" * 64, "", "a\0"):
        assert refused(token, a_node(id=name)) == "name"


def test_joining_is_written_down_with_the_token() -> None:
    joined(a_token())
    verbs = list(AuditEntry.objects.values_list("verb", flat=True))
    assert verbs.count("join_token.create") == 1
    assert verbs.count("certificate.issue") == 1


def test_a_renewal_keeps_the_identity_and_is_logged() -> None:
    identity = InstanceIdentity(
        trust_domain="mesh.local", unit="unit1", app="order", instance="order-1"
    )
    issued = renew(identity=identity, csr_pem=csr(), now=NOW)
    assert issued.uri == identity.uri
    assert Certificate.objects.get().purpose == "renewal"
    with pytest.raises(JoinRefused):
        renew(identity=identity, csr_pem="nonsense", now=NOW)


def test_the_daemon_gets_a_certificate_for_its_hosts() -> None:
    issued, key = server_certificate(hosts=["localhost", "127.0.0.1"], now=NOW)
    assert issued.uri == "spiffe://mesh.local/discovery"
    assert "PRIVATE KEY" in key
    assert Certificate.objects.get().purpose == "server"


def test_the_authority_is_made_once_and_its_key_is_not_in_the_database() -> None:
    first, again = authority_ensure(NOW), authority_ensure(NOW)
    assert first.pk == again.pk
    assert Authority.objects.count() == 1
    assert bytes(first.key_sealed)[:1] != b"\x30" or len(first.key_sealed) > 100
    assert b"PRIVATE KEY" not in bytes(first.key_sealed)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"ttl_seconds": 601}, "/ttl_seconds"),
        ({"ttl_seconds": 0}, "/ttl_seconds"),
        ({"application": "a/b"}, "/application"),
        ({"unit": ""}, "/unit"),
        ({"instance": "*"}, "/instance"),
    ],
)
def test_a_token_for_nothing_sensible_is_not_made(fields: dict[str, object], pointer: str) -> None:
    with pytest.raises(Invalid) as error:
        a_token(**fields)
    assert [fault["pointer"] for fault in error.value.errors] == [pointer]


def test_the_command_prints_a_token(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("join_token", "--app", "order", "--unit", "unit1", "--ttl", "60")
    token = capsys.readouterr().out.strip()
    assert joined(token, now=datetime.now(UTC)).uri.endswith("/order-1")


def test_certificates_that_ended_long_ago_are_forgotten_but_for_the_newest_of_an_identity() -> None:
    row = authority_ensure(NOW)
    for serial, uri, days in (("1", "a", -200), ("2", "a", -100), ("3", "a", 1), ("4", "b", -200)):
        Certificate.objects.create(
            serial=serial, authority=row, uri=uri, purpose="join", key_sha256="", begins_at=NOW,
            ends_at=NOW + timedelta(days=days), issued_at=NOW,
        )  # fmt: skip
    assert certificates_prune(now=NOW, limit=1) == 1
    assert certificates_prune(now=NOW) == 1
    assert set(Certificate.objects.values_list("serial", flat=True)) == {"3", "4"}
