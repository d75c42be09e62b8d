"""The enrolment door: the root is shown first, one join is answered, the door is closed."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from meshconsole.audit.models import AuditEntry
from meshconsole.encryption.models import Certificate
from proxy.contract.session import ROOTS_HEADER, Bye, Cert, Hello, Refused
from tests.harness.discovery import Console, told
from tests.harness.requests import a_csr
from tests.harness.sidecar import Sidecar


async def refusal(sidecar: Sidecar, token: str, **fields: Any) -> str:
    answer = await sidecar.join(token, **fields)
    assert isinstance(answer, Refused)
    assert answer.msg.endswith(".")
    return answer.code


async def test_the_door_shows_the_root_that_the_token_pins(console: Console) -> None:
    pin = (await console.token()).split(".")[1]
    async with await console.sidecar().at_door() as door:
        assert door.socket.response is not None
        shown = door.socket.response.headers[ROOTS_HEADER].split(",")
    roots = [x509.load_der_x509_certificate(base64.b64decode(one)) for one in shown]
    keys = [
        root.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for root in roots
    ]
    assert pin in {hashlib.sha256(key).hexdigest() for key in keys}


async def test_a_token_brings_a_certificate_with_the_identity_it_is_for(console: Console) -> None:
    sidecar = console.sidecar()
    answer = await sidecar.join(await console.token())
    assert isinstance(answer, Cert)
    leaf = x509.load_pem_x509_certificate(answer.chain.encode())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [name.value for name in names] == [
        "spiffe://mesh.local/unit/unit1/app/order/instance/order-1"
    ]
    assert leaf.public_key() == sidecar.key.public_key()


async def test_a_token_used_twice_is_refused(console: Console) -> None:
    token = await console.token()
    assert isinstance(await console.sidecar().join(token), Cert)
    assert await refusal(console.sidecar("order-2"), token) == "token_used"


async def test_two_at_once_with_one_token_get_one_certificate(console: Console) -> None:
    token = await console.token()
    answers = await asyncio.gather(
        *(console.sidecar(f"order-{number}").join(token) for number in range(8))
    )
    assert [type(answer) for answer in answers].count(Cert) == 1
    assert await told(lambda: Certificate.objects.filter(purpose="join").count()) == 1


async def test_a_token_for_another_application_is_refused_and_written_down(
    console: Console,
) -> None:
    token = await console.token()
    assert await refusal(console.sidecar(app="stock"), token) == "token_other_application"
    entry = await told(lambda: AuditEntry.objects.get(verb="certificate.refuse"))
    assert (entry.after or {})["application"] == "stock"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"token": "mcj_wrong.pin"}, "token_unknown"),
        ({"proto": 2}, "proto"),
        ({"pem": "nonsense"}, "csr_malformed"),
    ],
)
async def test_a_join_that_is_wrong_is_refused_in_a_sentence(
    console: Console, fields: dict[str, Any], code: str
) -> None:
    given = {"token": await console.token()} | fields
    assert await refusal(console.sidecar(), **given) == code


async def test_a_request_with_foreign_names_gets_only_its_own(console: Console) -> None:
    sidecar = console.sidecar()
    names: list[x509.GeneralName] = [
        x509.UniformResourceIdentifier("spiffe://mesh.local/discovery"),
        x509.UniformResourceIdentifier("spiffe://mesh.local/unit/u/app/admin/instance/x"),
        x509.DNSName("*"),
    ]
    hostile = a_csr(sidecar.key, names, "discovery", ca=True)
    answer = await sidecar.join(await console.token(), pem=hostile)
    assert isinstance(answer, Cert)
    leaf = x509.load_pem_x509_certificate(answer.chain.encode())
    san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [name.value for name in san] == [
        "spiffe://mesh.local/unit/unit1/app/order/instance/order-1"
    ]
    (common_name,) = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert common_name.value == "order-1"


async def test_a_weak_key_is_refused_and_the_token_stays_good(console: Console) -> None:
    sidecar, token = console.sidecar(), await console.token()
    weak = a_csr(rsa.generate_private_key(65537, 1024))  # noqa: S505
    assert await refusal(sidecar, token, pem=weak) == "csr_key"
    assert isinstance(await sidecar.join(token), Cert)


@pytest.mark.parametrize("frame", ["", "nonsense", "{}", "[" * 60_000, '{"type":"join"}'])
async def test_what_is_no_join_is_refused(console: Console, frame: str) -> None:
    async with await console.sidecar().at_door() as door:
        await door.say_raw(frame)
        assert (await door.expect(Refused)).code == "frame"


async def test_another_message_at_the_door_is_refused(console: Console) -> None:
    sidecar = console.sidecar()
    async with await sidecar.at_door() as door:
        await door.say(Hello(proto=1, node=sidecar.node))
        assert (await door.expect(Refused)).code == "order"


async def test_a_frame_too_large_for_the_door_ends_it(console: Console) -> None:
    async with await console.sidecar().at_door() as door:
        await door.say_raw("x" * 70_000)
        assert await door.closed() == 1009


async def test_more_than_the_door_serves_at_once_are_asked_to_come_back(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshconsole.discovery.enrol.SILENT_LIMIT", 1)
    async with await console.sidecar().at_door(), await console.sidecar().at_door() as second:
        assert (await second.expect(Bye)).retry_after_ms > 0


async def test_whoever_says_nothing_is_shown_out(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshconsole.discovery.enrol.DEADLINE_SECONDS", 0.1)
    async with await console.sidecar().at_door() as door:
        await door.closed()
