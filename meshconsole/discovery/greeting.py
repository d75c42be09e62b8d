"""Is this hello from whom its certificate says? The certificate decides, the body only agrees."""

from __future__ import annotations

from typing import Any

from websockets.asyncio.server import ServerConnection

from proxy.contract.codec import InvalidFrame, decode_from_sidecar
from proxy.contract.identity import (
    InstanceIdentity,
    InvalidIdentity,
    Node,
    check_name,
    parse_identity,
)
from proxy.contract.session import PROTO, Hello

INTERFACES_LIMIT = 500
_INTERFACE_LENGTH = 200
_WORD_LENGTH = 64
_CAPS_LIMIT = 64
_ADDRESS_LENGTH = 260


class Refusal(Exception):
    """A stream is ended with a stable code and a sentence that says what to do."""

    def __init__(self, code: str, msg: str) -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg


def peer_uri(connection: ServerConnection) -> str:
    """The one URI in the peer's verified certificate; empty when there is none, or several.

    What the handshake left behind is let go: the parsed certificate and the request's headers are
    3 kB for as long as the stream is open.
    """
    certificate: dict[str, Any] = connection.transport.get_extra_info("peercert") or {}
    uris = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "URI"]
    certificate.clear()
    connection.response = None
    return uris[0] if len(uris) == 1 else ""


def greet(frame: bytes, uri: str, trust_domain: str) -> tuple[Hello, InstanceIdentity]:
    """Read a first frame and hold it against the identity; raises Refusal."""
    try:
        message = decode_from_sidecar(frame)
    except InvalidFrame as error:
        raise Refusal("frame", str(error)) from None
    if not isinstance(message, Hello):
        raise Refusal("order", "The first frame is hello.")
    if message.proto != PROTO:
        raise Refusal(
            "proto", f"This console speaks version {PROTO}, not {message.proto}; update the older."
        )
    identity = _identity(uri, trust_domain)
    node = message.node
    if (identity.instance, identity.app, identity.unit) != (node.id, node.app, node.unit):
        raise Refusal(
            "identity",
            f"The certificate is for {identity.uri}, the hello for another; enrol this one.",
        )
    node_check(node)
    return message, identity


def node_check(node: Node) -> None:
    """Are the words of a node of the agreed form and size? Raises Refusal."""
    try:
        for name in (node.id, node.app, node.unit, node.group):
            check_name(name)
    except InvalidIdentity as error:
        raise Refusal("name", str(error)) from None
    if not _is_address(node.addr):
        raise Refusal("address", "The address of a node is host:port.")
    if not node.boot_id or not all(
        len(word) <= _WORD_LENGTH and word.isprintable() for word in (node.boot_id, node.version)
    ):
        raise Refusal("node", f"A boot id and a version have at most {_WORD_LENGTH} characters.")
    if len(node.interfaces) > INTERFACES_LIMIT or len(node.caps) > _CAPS_LIMIT:
        raise Refusal("node", f"A node declares at most {INTERFACES_LIMIT} interfaces.")
    if not all(
        0 < len(name) <= _INTERFACE_LENGTH and name.isprintable() for name in node.interfaces
    ):
        raise Refusal("node", f"An interface has 1 to {_INTERFACE_LENGTH} characters.")
    if not all(len(cap) <= _WORD_LENGTH and cap.isprintable() for cap in node.caps):
        raise Refusal("node", f"A capability has at most {_WORD_LENGTH} characters.")


def _identity(uri: str, trust_domain: str) -> InstanceIdentity:
    try:
        identity = parse_identity(uri)
    except InvalidIdentity as error:
        raise Refusal("identity", str(error)) from None
    if identity.trust_domain != trust_domain:
        raise Refusal("identity", f"This console serves {trust_domain!r} only.")
    return identity


def _is_address(addr: str) -> bool:
    host, colon, port = addr.rpartition(":")
    is_port = port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536
    return bool(host and colon and is_port and len(addr) <= _ADDRESS_LENGTH and addr.isprintable())
