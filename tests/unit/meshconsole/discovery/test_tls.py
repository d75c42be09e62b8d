"""A door that listens with one context makes each handshake with the one in force, on any loop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import uvloop

from meshconsole.discovery import tls
from meshconsole.discovery.tls import Doors, as_file
from meshconsole.encryption import authority
from meshconsole.encryption.authority import Root
from meshconsole.encryption.issuance import IssuedCertificate
from meshconsole.encryption.keeping import TrustBundle

NOW = datetime.now(UTC)


class Mesh:
    """The authority as the doors ask it."""

    def __init__(self) -> None:
        self.roots = [a_root(1)]
        self.issued = 0

    @property
    def bundle(self) -> TrustBundle:
        signs = authority.key_identifier(self.roots[0].pem)
        return TrustBundle("mesh.local", tuple(one.pem for one in self.roots), signs)

    def certificate(self, *, hosts: list[str], now: datetime) -> tuple[IssuedCertificate, str]:
        self.issued += 1
        chain, key = a_leaf(self.roots[0], "spiffe://mesh.local/discovery")
        return IssuedCertificate(chain, self.bundle.pem, now + timedelta(hours=24), "x"), key


def a_root(generation: int) -> Root:
    return authority.root_create(trust_domain="mesh.local", generation=generation, now=NOW)


def a_leaf(root: Root, uri: str) -> tuple[str, str]:
    public, private = authority.key_create()
    leaf = authority.leaf_issue(
        root, key=public, uri=uri, common_name="x", now=NOW, life=timedelta(hours=1)
    )
    return leaf.pem, private


@pytest.fixture
def mesh(monkeypatch: pytest.MonkeyPatch) -> Mesh:
    made = Mesh()
    monkeypatch.setattr(tls, "server_certificate", made.certificate)
    monkeypatch.setattr(tls, "trust_bundle", lambda: made.bundle)
    return made


async def said(doors: Doors, root: Root, trusts: Root) -> bytes:
    """What comes of a connection by a leaf of `root` that believes `trusts`."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"welcome")
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=trusts.pem)
    chain, key = a_leaf(root, "spiffe://mesh.local/unit/u/app/a/instance/i")
    with as_file(key + chain) as path:
        context.load_cert_chain(path)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=doors.channel)
    async with server, asyncio.timeout(5):
        port = server.sockets[0].getsockname()[1]
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            try:
                return await reader.read() or b"refused"
            finally:
                writer.close()
        except (ssl.SSLError, ConnectionError):
            return b"refused"


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_retired_root_is_not_believed_any_more(mesh: Mesh, loop: Callable[[], Any]) -> None:
    doors = Doors(["localhost"])
    doors.renew(NOW)
    old, new = mesh.roots[0], a_root(2)
    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(said(doors, old, trusts=old)) == b"welcome"
        assert runner.run(said(doors, new, trusts=old)) == b"refused"
        mesh.roots = [old, new]
        assert doors.follow(NOW)
        assert runner.run(said(doors, new, trusts=old)) == b"welcome"
        mesh.roots = [new, old]
        assert doors.follow(NOW)
        assert runner.run(said(doors, old, trusts=new)) == b"welcome"
        mesh.roots = [new]
        assert doors.follow(NOW)
        assert runner.run(said(doors, old, trusts=new)) == b"refused"
        assert runner.run(said(doors, new, trusts=new)) == b"welcome"


def test_nothing_is_issued_while_nothing_changed(mesh: Mesh) -> None:
    doors = Doors([])
    doors.renew(NOW)
    assert not doors.follow(NOW)
    assert mesh.issued == 1
    mesh.roots.append(a_root(2))
    assert doors.follow(NOW)
    assert mesh.issued == 1, "another root is trusted, the same one signs"
    assert doors.follow(NOW + timedelta(hours=12))
    assert mesh.issued == 2, "half of its life is over"


def test_roots_are_taken_although_nobody_signs(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    doors = Doors([])
    doors.renew(NOW)

    def nobody(**_: object) -> None:
        raise RuntimeError("away")

    monkeypatch.setattr(tls, "server_certificate", nobody)
    mesh.roots.insert(0, a_root(2))
    with pytest.raises(RuntimeError, match="away"):
        doors.follow(NOW)
    assert doors.roots == mesh.bundle.pem
