"""Generations follow one another without a step skipped, whatever kind each of them is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from meshconsole.audit.models import AuditEntry
from meshconsole.core import redis, revision
from meshconsole.core.errors import Conflict, Degraded, IllegalTransition, NotFound
from meshconsole.encryption import authority
from meshconsole.encryption.issuance import enrol, join_token_create
from meshconsole.encryption.keeping import authority_ensure, roots_pem, trust_bundle
from meshconsole.encryption.models import Certificate
from meshconsole.encryption.rotation import authority_add, authority_retire, authority_sign_with
from meshconsole.encryption.selectors import rotation_evidence
from meshconsole.encryption.signing import SigningFailed
from meshconsole.live.models import LiveEvent
from meshconsole.telemetry import links
from proxy.contract.reports import LinkState
from tests.factories import a_node, an_instance
from tests.harness.vault import a_vault, an_authority
from tests.unit.meshconsole.encryption.test_keyfile import a_file, key_pem

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)
BY: dict[str, Any] = {"now": NOW, "actor": "ann", "reason": "yearly"}


def add() -> None:
    authority_add(**BY)


def sign_with(generation: int, *, sure: bool = True) -> None:
    authority_sign_with(generation, trusted_by_all=sure, **BY)


def retire(generation: int, *, sure: bool = True) -> None:
    authority_retire(generation, unused=sure, **BY)


def joined() -> Certificate:
    token = join_token_create(application="order", unit="unit1", actor="ann", now=NOW)
    _, _, csr = authority.request_create("order-1")
    issued = enrol(token=token, csr_pem=csr, claimed=a_node(), now=NOW)
    leaf = authority.certificate_load(issued.chain)
    return Certificate.objects.get(serial=f"{leaf.serial_number:x}")


def test_a_rotation_trusts_both_then_signs_with_the_new_then_drops_the_old() -> None:
    first = authority_ensure(NOW)
    add()
    bundle = trust_bundle()
    assert bundle is not None
    assert (len(bundle.roots), bundle.roots[1]) == (2, first.certificate)
    assert bundle.issuer == authority.key_identifier(first.certificate)
    assert joined().authority.generation == 1
    sign_with(2)
    assert joined().authority.generation == 2
    changed = trust_bundle()
    assert changed is not None
    assert (changed.roots, changed.issuer) != (bundle.roots, bundle.issuer)
    retire(1)
    assert first.certificate not in roots_pem()


def test_each_step_has_its_audit_revision_and_event() -> None:
    authority_ensure(NOW)
    add()
    before = revision.current()
    sign_with(2)
    retire(1)
    assert revision.current() == before + 2
    said = AuditEntry.objects.order_by("sequence").values_list("verb", "object", "reason")
    assert list(said) == [
        ("authority_add", "authority:2", "yearly"),
        ("superseded", "authority:1", "yearly"),
        ("signing_asked", "authority:2", "yearly"),
        ("retirement_asked", "authority:1", "yearly"),
    ]
    topics = set(LiveEvent.objects.values_list("topic", flat=True))
    assert topics == {"authorities"}


def test_a_step_is_refused_without_its_evidence_and_nothing_moves() -> None:
    authority_ensure(NOW)
    add()
    with pytest.raises(Conflict, match="Not every sidecar trusts generation 2"):
        sign_with(2, sure=False)
    with pytest.raises(Conflict, match="Generation 1 signs"):
        retire(1)
    sign_with(2)
    with pytest.raises(Conflict, match="still shows a certificate"):
        retire(1, sure=False)
    assert joined().authority.generation == 2


def test_a_rotation_can_be_taken_back_while_both_are_trusted() -> None:
    authority_ensure(NOW)
    add()
    sign_with(2)
    sign_with(1)
    assert joined().authority.generation == 1
    retire(2)
    with pytest.raises(IllegalTransition, match="not possible while retired"):
        sign_with(2)


def test_a_step_that_was_taken_is_taken_once() -> None:
    authority_ensure(NOW)
    add()
    sign_with(2)
    number = revision.current()
    sign_with(2, sure=False)
    retire(1)
    retire(1, sure=False)
    assert revision.current() == number + 1


def test_generations_are_bounded_and_named() -> None:
    for _ in range(3):
        add()
    with pytest.raises(Conflict, match="4 generations are trusted"):
        add()
    with pytest.raises(NotFound):
        sign_with(9)


def test_a_file_follows_a_local_root_and_signs_with_its_chain(
    tmp_path: Path, settings: Settings
) -> None:
    root = an_authority("offline root")
    online = an_authority("online", root)
    authority_ensure(NOW)
    settings.MESH_SIGNER = "file"
    with pytest.raises(Degraded, match="MESH_AUTHORITY_FILE"):
        add()
    settings.MESH_AUTHORITY_FILE = a_file(tmp_path, key_pem(online.key), online.pem, root.pem)
    add()
    sign_with(2)
    token = join_token_create(application="order", unit="unit1", actor="ann", now=NOW)
    _, _, csr = authority.request_create("order-1")
    issued = enrol(token=token, csr_pem=csr, claimed=a_node(), now=NOW)
    assert issued.chain.endswith(online.pem)
    assert root.pem in issued.roots
    bundle = trust_bundle()
    assert bundle is not None
    assert bundle.issuer == authority.key_identifier(online.pem)


def test_a_root_that_is_known_is_no_new_generation(tmp_path: Path, settings: Settings) -> None:
    root = an_authority("offline root")
    settings.MESH_SIGNER = "file"
    settings.MESH_AUTHORITY_FILE = a_file(tmp_path, key_pem(root.key), root.pem)
    authority_ensure(NOW)
    with pytest.raises(Conflict, match="the name or the key of generation 1"):
        add()
    again = an_authority("offline root")
    settings.MESH_AUTHORITY_FILE = a_file(tmp_path, key_pem(again.key), again.pem)
    with pytest.raises(Conflict, match="the name or the key of generation 1"):
        add()


def test_a_file_that_changed_under_its_generation_signs_nothing(
    tmp_path: Path, settings: Settings
) -> None:
    root, other = an_authority("offline root"), an_authority("other root")
    settings.MESH_SIGNER = "file"
    settings.MESH_AUTHORITY_FILE = a_file(tmp_path, key_pem(root.key), root.pem)
    joined()
    a_file(tmp_path, key_pem(other.key), other.pem)
    with pytest.raises(SigningFailed, match="holds another authority than generation 1"):
        joined()


def test_vault_follows_a_local_root(tmp_path: Path, settings: Settings) -> None:
    root = an_authority("offline root")
    with a_vault(tmp_path, an_authority("online", root), root) as vault:
        assert vault.place is not None
        authority_ensure(NOW)
        settings.MESH_SIGNER = "vault"
        settings.MESH_VAULT_ADDRESS = vault.place.address
        settings.MESH_VAULT_TOKEN_FILE = vault.place.token_file
        settings.MESH_VAULT_CA_FILE = vault.place.ca_file
        add()
        sign_with(2)
        assert joined().authority.location == "pki/mesh"
        vault.failing = [503] * 3
        with pytest.raises(SigningFailed, match="Vault is sealed"):
            joined()


def test_a_token_is_not_made_while_the_first_authority_is_away(
    tmp_path: Path, settings: Settings
) -> None:
    settings.MESH_SIGNER = "file"
    settings.MESH_AUTHORITY_FILE = tmp_path / "nowhere.pem"
    with pytest.raises(Degraded, match="cannot be read"):
        join_token_create(application="order", unit="unit1", actor="ann", now=NOW)
    settings.MESH_SIGNER = "local"
    settings.MESH_KEK_FILE = tmp_path / "kek"
    (tmp_path / "kek").write_text("short")
    with pytest.raises(Degraded, match="MESH_KEK_FILE holds 5 characters"):
        add()


def test_a_token_lives_on_when_nobody_could_sign(tmp_path: Path, settings: Settings) -> None:
    root = an_authority("offline root")
    settings.MESH_SIGNER = "file"
    file = settings.MESH_AUTHORITY_FILE = a_file(tmp_path, key_pem(root.key), root.pem)
    token = join_token_create(application="order", unit="unit1", actor="ann", now=NOW)
    _, _, csr = authority.request_create("order-1")
    file.chmod(0o604)
    with pytest.raises(SigningFailed, match="Everybody may read"):
        enrol(token=token, csr_pem=csr, claimed=a_node(), now=NOW)
    file.chmod(0o600)
    assert enrol(token=token, csr_pem=csr, claimed=a_node(), now=NOW).chain


@pytest.mark.usefixtures("mesh_redis")
def test_evidence_is_what_live_sidecars_say() -> None:
    row = authority_ensure(NOW)
    key = authority.key_identifier(row.certificate)
    an_instance("order-1")
    an_instance("order-2")
    evidence = rotation_evidence(1, NOW)
    assert (evidence.not_trusting, evidence.holding) == (("order-1", "order-2"),) * 2
    said("order-1", LinkState(trusts=(key,), issuer=key))
    said("order-2", LinkState(trusts=(key, "other"), issuer="other"))
    evidence = rotation_evidence(1, NOW)
    assert (evidence.trusted_by_all, evidence.holding) == (True, ("order-1",))
    said("order-1", LinkState(trusts=(key,), issuer="other"))
    assert rotation_evidence(1, NOW).unused
    later = rotation_evidence(1, NOW + timedelta(seconds=91))
    assert later.not_trusting == ("order-1", "order-2"), "nobody has said so of late"


def test_without_redis_there_is_no_evidence() -> None:
    authority_ensure(NOW)
    evidence = rotation_evidence(1, NOW)
    assert not evidence.trusted_by_all
    assert not evidence.unused
    with pytest.raises(NotFound):
        rotation_evidence(2, NOW)


def said(instance: str, state: LinkState) -> None:
    told = links.Told(
        instance=instance, app="order", unit="unit1", boot="b", at=NOW.timestamp(), state=state
    )
    redis.client(text=False).hset(links.TOLD, mapping={told.name: links.encode(told)})
