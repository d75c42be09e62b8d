"""The daemon's doors follow a rotation of the authority, and nobody is restarted for it."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

import pytest
from cryptography import x509
from websockets.exceptions import WebSocketException

from meshconsole.encryption import authority
from meshconsole.encryption.keeping import roots_pem
from meshconsole.encryption.rotation import authority_add, authority_retire, authority_sign_with
from proxy.contract.session import Cert, Csr, Push
from tests.harness.discovery import Console, active, told
from tests.harness.sidecar import Sidecar
from tests.harness.wait import eventually_async

pytestmark = pytest.mark.django_db(transaction=True)


def issuer_of(pem: str) -> str:
    leaf = authority.certificate_load(pem)
    found = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    return (found.key_identifier or b"").hex()


async def add() -> None:
    await told(lambda: authority_add(now=datetime.now(UTC), actor="test"))


async def sign_with(generation: int) -> None:
    await told(
        lambda: authority_sign_with(
            generation, trusted_by_all=True, now=datetime.now(UTC), actor="test"
        )
    )


async def retire(generation: int) -> None:
    await told(
        lambda: authority_retire(generation, unused=True, now=datetime.now(UTC), actor="test")
    )


async def door_shows(console: Console) -> str:
    """The key identifier of who signed the certificate that the channel's door shows."""
    der = await told(lambda: _shown(console.enrol_port))
    return issuer_of(ssl.DER_cert_to_PEM_cert(der))


def _shown(port: int) -> bytes:
    pem = ssl.get_server_certificate(("127.0.0.1", port), timeout=5)
    return ssl.PEM_cert_to_DER_cert(pem)


async def renewed(sidecar: Sidecar) -> Cert:
    """What the sidecar holds after it renewed over its stream."""
    async with await sidecar.opened() as stream:
        await stream.say(Csr(id="r", pem=sidecar.csr()))
        return await stream.expect(Cert)


async def test_doors_follow_a_rotation_and_take_old_and_new_leaves_in_between(
    console: Console,
) -> None:
    sidecar = await console.joined()
    assert sidecar.cert is not None
    first = issuer_of(sidecar.cert.chain)
    assert await door_shows(console) == first

    await add()
    stream, push = await active(sidecar)
    async with stream:
        assert b"BEGIN CERTIFICATE" in bytes(push.set["trust"]["mesh"])
    cert = await renewed(sidecar)
    assert cert.roots.count("BEGIN CERTIFICATE") == 2
    assert issuer_of(cert.chain) == first

    await sign_with(2)

    async def follows() -> bool:
        return await door_shows(console) != first

    await eventually_async(follows, what="the door's certificate is of the new authority")
    old = Sidecar(console.port, console.enrol_port, sidecar.node)
    old.key, old.cert = (
        sidecar.key,
        Cert(id="c", chain=sidecar.cert.chain, roots=cert.roots, not_after=cert.not_after),
    )
    new = await renewed(old)
    assert issuer_of(new.chain) != first
    sidecar.cert = new
    async with await sidecar.opened() as open_stream:
        await open_stream.expect(Push)

    await retire(1)

    async def refuses_the_old() -> bool:
        old.cert = Cert(id="c", chain=cert.chain, roots=new.roots, not_after=cert.not_after)
        try:
            async with await old.opened() as refused:
                await refused.expect(Push)
        except (WebSocketException, ssl.SSLError, OSError):
            return True
        return False

    await eventually_async(refuses_the_old, what="leaves of the retired authority are refused")
    sidecar.cert = await renewed(sidecar)
    assert sidecar.cert.roots == await told(roots_pem)
    assert sidecar.cert.roots.count("BEGIN CERTIFICATE") == 1
    joined = await console.joined("order-2")
    assert joined.cert is not None
    assert issuer_of(joined.cert.chain) == issuer_of(new.chain)
