"""Who a sidecar is: names, the node it presents, and its SPIFFE identity."""

from __future__ import annotations

import re

import msgspec

NAME_PATTERN = r"^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"
_NAME = re.compile(NAME_PATTERN)
_SPIFFE = re.compile(r"^spiffe://([^/]+)/unit/([^/]+)/app/([^/]+)/instance/([^/]+)$")


class InvalidIdentity(ValueError):
    """A name or identity is not of the agreed form."""


def check_name(name: str) -> str:
    """Return `name` if it may name an application, unit, group or instance.

    Raises InvalidIdentity: 1 to 63 letters, digits, `_`, `.` or `-`, no punctuation at the ends.
    """
    if not _NAME.fullmatch(name):
        raise InvalidIdentity(
            f"{name[:80]!r} is not a name: use 1 to 63 letters, digits, '_', '.' or '-', "
            "beginning and ending with a letter or digit."
        )
    return name


class InstanceIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """The identity a certificate proves: one URI SAN, built by the server."""

    trust_domain: str
    unit: str
    app: str
    instance: str

    @property
    def uri(self) -> str:
        """The SPIFFE URI of this identity."""
        return (
            f"spiffe://{self.trust_domain}/unit/{self.unit}/app/{self.app}/instance/{self.instance}"
        )


def parse_identity(uri: str) -> InstanceIdentity:
    """Read a SPIFFE URI; raises InvalidIdentity when it is not an instance's."""
    found = _SPIFFE.fullmatch(uri)
    if found is None:
        raise InvalidIdentity(
            f"{uri[:200]!r} is not an instance identity: "
            "expected spiffe://<trust domain>/unit/<unit>/app/<app>/instance/<id>."
        )
    domain, unit, app, instance = found.groups()
    for name in (unit, app, instance):
        check_name(name)
    return InstanceIdentity(trust_domain=domain, unit=unit, app=app, instance=instance)


class Node(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a sidecar says of itself on hello; its certificate must agree with it."""

    id: str
    """Instance id, unique in the mesh."""
    app: str
    unit: str
    group: str
    addr: str
    """`host:port` where callers reach this instance's inbound listener."""
    boot_id: str
    """Random per sidecar process; with `seq` it identifies a report."""
    version: str = ""
    interfaces: tuple[str, ...] = ()
    """Interfaces the application declares, such as `GET /stock/{sku}`."""
    caps: tuple[str, ...] = ()
    """What this sidecar can do; the compiler sends nothing it cannot carry."""
