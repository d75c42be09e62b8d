"""An inbound side with a gate, callers with certificates of every kind, and an application that
answers whatever it is spoken to in."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from proxy.aio import spawn
from proxy.assembly import fixed
from proxy.contract.snapshot import Caller, CallersMode, Inbound, Snapshot, TlsMode, Trust
from proxy.current import Current
from proxy.encryption.contexts import mesh_client
from proxy.encryption.holder import Holder
from proxy.encryption.identity import Identity, KeyRequest
from proxy.inbound.gate import Gate
from proxy.interception.inward import Inward
from proxy.links.ledger import Ledger
from proxy.listener import Listener
from proxy.pools import Pools
from proxy.server import Server
from proxy.settings import HostPort, Limits, Spoken
from proxy.sniff import spoken
from proxy.steering.router import FixedRouter
from proxy.windows import Windows
from tests.harness.authority import TRUST_DOMAIN, MeshRoot
from tests.harness.vault import an_authority
from tests.integration.proxy import bolt
from tests.integration.proxy.http2_peers import Peer, echo
from tests.integration.proxy.rig import LOOPBACK, QUICK, Ear, Stage, ok, origin, read_request

ROOT, FOREIGN = MeshRoot(1), MeshRoot(2)
ABOVE = MeshRoot(3)
"""A root that lets others sign below it, as those of a company do."""
ABOVE.root = an_authority("above")
LONG = timedelta(hours=1)


def uri_of(app: str, unit: str = "unit1", domain: str = TRUST_DOMAIN) -> str:
    return f"spiffe://{domain}/unit/{unit}/app/{app}/instance/{app}-1"


def identity_of(app: str, unit: str = "unit1", root: MeshRoot = ROOT) -> Identity:
    """What a sidecar of `app` holds."""
    request = KeyRequest(f"{app}-1")
    cert = root.cert(request.csr, uri_of(app, unit))
    return request.fulfilled(cert, unit=unit, app=app, now=datetime.now(UTC))


def caller_context(
    app: str = "front", unit: str = "unit1", root: MeshRoot = ROOT, speaks: str = "http1"
) -> ssl.SSLContext:
    """What a sidecar of `app` dials with; it trusts everybody that a test knows."""
    known = {ROOT.pem, FOREIGN.pem, root.pem}
    return mesh_client(identity_of(app, unit, root), known, speaks)


def below_context() -> ssl.SSLContext:
    """A caller whose certificate is of an authority below the root ABOVE, shown with it."""
    below = MeshRoot()
    below.root = an_authority("below", ABOVE.root)
    request = KeyRequest("front-1")
    cert = below.cert(request.csr, uri_of("front"))
    whole = msgspec.structs.replace(cert, chain=cert.chain + below.pem, roots=ABOVE.pem)
    identity = request.fulfilled(whole, unit="unit1", app="front", now=datetime.now(UTC))
    return mesh_client(identity, {ROOT.pem}, "http1")


def odd_context(
    uri: str, root: MeshRoot = ROOT, life: timedelta = LONG, key: str = ""
) -> ssl.SSLContext:
    """A caller whose certificate says anything; `key` is another than it was made for."""
    own = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(own, SHA256())
    cert = root.cert(csr.public_bytes(Encoding.PEM).decode(), uri, life=life)
    pem = key or own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=ROOT.pem)
    _load(context, pem + cert.chain)
    return context


def mismatched_context(uri: str) -> ssl.SSLContext:
    """A certificate with somebody else's key. The library compares the public halves before it
    takes both, so the key file claims the public half of the one and has the private of the other.
    """
    stolen, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    pem = csr.sign(stolen, SHA256()).public_bytes(Encoding.PEM).decode()
    cert = ROOT.cert(pem, uri)

    def raw(key: ec.EllipticCurvePrivateKey) -> bytes:
        return key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())

    secret = other.private_numbers().private_value.to_bytes(32, "big")
    forged = raw(stolen).replace(stolen.private_numbers().private_value.to_bytes(32, "big"), secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=ROOT.pem)
    pem = ssl.DER_cert_to_PEM_cert(forged).replace("CERTIFICATE", "EC PRIVATE KEY")
    _load(context, pem + cert.chain)
    return context


def anonymous_context() -> ssl.SSLContext:
    """A caller without a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=ROOT.pem)
    return context


def told(
    mode: TlsMode,
    roots: Iterable[MeshRoot] = (ROOT,),
    callers: tuple[Caller, ...] = (),
    callers_mode: CallersMode = "off",
) -> Snapshot:
    """What a console says of `order`."""
    inbound = Inbound(name="order", mode=mode, callers=callers, callers_mode=callers_mode)
    trust = Trust(name="mesh", domain=TRUST_DOMAIN, roots=tuple(root.pem for root in roots))
    return Snapshot(inbound={"order": inbound}, trust={"mesh": trust})


class Guarded(Stage):
    """An inbound listener and what its sidecar was told."""

    def __init__(self, listener: Listener, server: Server, gate: Gate, current: Current) -> None:
        super().__init__(listener, server, server.ports[0], Ear())
        self.gate = gate
        self.current = current

    def follow(
        self,
        mode: TlsMode,
        roots: Iterable[MeshRoot] = (ROOT,),
        callers: tuple[Caller, ...] = (),
        callers_mode: CallersMode = "off",
    ) -> None:
        """A snapshot comes."""
        self.current.swap(told(mode, roots, callers, callers_mode), self.current.v + 1)

    async def dial_tls(
        self, context: ssl.SSLContext
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(LOOPBACK, self.port, ssl=context, server_hostname="")


@asynccontextmanager
async def guarded(
    port: int,
    mode: TlsMode,
    *,
    speaks: Spoken = "auto",
    limits: Limits = QUICK,
    certified: bool = True,
    intercepts: bool = False,
) -> AsyncIterator[Guarded]:
    """The inbound side of a sidecar of `order`, whose application listens at `port`; `intercepts`
    if callers dialled something else, which a test has to say in the kernel's place."""
    holder, current = Holder(), Current()
    gate = Gate("order", "order-1", holder)
    current.watch(lambda: holder.follow(current.snapshot))
    current.watch(lambda: gate.follow(current.snapshot))
    if certified:
        holder.certify(identity_of("order"))
    choice = fixed("order", (HostPort(LOOPBACK, port),))
    routing = FixedRouter(choice)
    listener = Listener(
        name="inbound",
        side="in",
        routing=routing,
        members=lambda: choice.members,
        pools=Pools(limits),
        windows=Windows(),
        failures=Ear(),
        access_log=None,
        limits=limits,
        speaks=speaks,
        tunnels=routing,
        interception=Inward(choice, lambda _: choice, ()) if intercepts else None,
        gate=gate,
        ledger=Ledger(),
    )
    server = Server(limits)
    current.swap(told(mode), 1)
    await server.open(listener, HostPort(LOOPBACK, 0))
    clock = spawn(server.keep_time(), name="clock of a test")
    stage = Guarded(listener, server, gate, current)
    try:
        yield stage
    finally:
        await server.drain()
        clock.cancel()
        await asyncio.wait({clock})
    assert listener.ledger is not None
    assert listener.ledger.told().imbalance == 0
    assert listener.admission.in_flight == 0
    assert not listener.callers
    assert not listener.unknown
    assert not listener.leaving


@asynccontextmanager
async def application() -> AsyncIterator[int]:
    """Answers HTTP/1.1 and HTTP/2, bolt, and anything else with the same bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(1)
        while (protocol := spoken(first)) is None:
            first += await reader.readexactly(1)
        await _SERVE[protocol](_Again(reader, first), writer)

    async with origin(serve) as port:
        yield port


class _Again(asyncio.StreamReader):
    """A reader that begins with bytes that were read already."""

    def __init__(self, reader: asyncio.StreamReader, first: bytes) -> None:
        super().__init__()
        self.feed_data(first)
        self._rest = spawn(self._go_on(reader), name="read on")

    async def _go_on(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                self.feed_data(data)
        self.feed_eof()


async def _http1(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        _, body = await read_request(reader)
        writer.write(ok(body or b"http1"))
        await writer.drain()


async def _http2(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    peer = Peer(reader, writer, client=False)
    done: set[int] = set()
    while not peer.closed:
        await peer.step()
        for stream_id, said in list(peer.said.items()):
            if said.ended and stream_id not in done:
                done.add(stream_id)
                await echo(peer, stream_id, said)
                peer.flush()


async def _tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


_SERVE = {"http1": _http1, "http2": _http2, "bolt": bolt.serving(bolt.echo), "tcp": _tcp}


def _load(context: ssl.SSLContext, pem: str) -> None:
    handle = os.memfd_create("caller")
    try:
        os.write(handle, pem.encode())
        context.load_cert_chain(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)
