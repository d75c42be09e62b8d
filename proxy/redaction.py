"""What may be shown of settings and headers: enough to see what holds, nothing that opens a door.

Settings are shown by a list of what is harmless, so one that is added later is left out until
somebody decides. Of TLS files only the certificate's public words are shown, of a join token that
there is a file. Of headers everything is shown but the values of those that carry credentials.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from proxy.settings import HostPort, Limits, Settings, TcpSettings, TlsFiles

LEFT_OUT = "(left out)"
_SECRET = re.compile(
    rb"(?:.*-)?(?:authorization|cookie2?|set-cookie2?|api-?key|token|secret|password|signature"
    rb"|credential|session(?:-?id)?|auth|jwt|csrf)(?:-.*)?|x-forwarded-client-cert",
    re.IGNORECASE,
).fullmatch
_HARMLESS = frozenset(
    {
        "access_log", "admin", "advertise", "app", "app_address", "console", "enrol", "group",
        "handover", "inbound", "instance", "interfaces", "limits", "listen", "outbound",
        "protocol", "snapshot", "state_dir", "tcp", "unit", "upstream",
        "upstream_protocol", "workers",
    }
)  # fmt: skip


class Shown(msgspec.Struct, frozen=True):
    """A setting in force."""

    value: object
    source: str
    """`command line`, or `default`."""


class CertificateShown(msgspec.Struct, frozen=True):
    """What a certificate says to everybody."""

    subject: str
    issuer: str
    serial: str
    not_after: str


def settings_shown(settings: Settings) -> dict[str, Shown]:
    """Every setting by its name."""
    shown = {}
    for field in msgspec.structs.fields(settings):
        value = getattr(settings, field.name)
        default = field.default is not msgspec.NODEFAULT and value == field.default
        source = "default" if default else "command line"
        shown[field.name] = Shown(_value(field.name, value), source)
    return shown


def redacted_lines(lines: bytes) -> tuple[str, ...]:
    """Header lines, without the values of those that carry credentials."""
    return tuple(_line(line) for line in lines.split(b"\r\n") if line)


def is_secret(name: bytes) -> bool:
    """Does a header of this name carry a credential?"""
    return _SECRET(name) is not None


def _line(line: bytes) -> str:
    name, _, value = line.partition(b":")
    text = LEFT_OUT if is_secret(name) else value.strip().decode("latin-1")
    return f"{name.decode('latin-1')}: {text}"


def _value(name: str, value: object) -> object:
    if isinstance(value, TlsFiles):
        return {"certificate": certificates(value.cert), "authorities": certificates(value.ca)}
    if name not in _HARMLESS:
        return None if value is None else LEFT_OUT
    if isinstance(value, tuple):
        return [_value(name, part) for part in value]
    if isinstance(value, HostPort | Path):
        return str(value)
    if isinstance(value, Limits | TcpSettings):
        return msgspec.to_builtins(value)
    return value


def certificates(path: Path) -> list[CertificateShown]:
    """What the certificates in a PEM file say; empty when it cannot be read any more."""
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        return []
    return [
        CertificateShown(
            one.subject.rfc4514_string(),
            one.issuer.rfc4514_string(),
            f"{one.serial_number:x}",
            one.not_valid_after_utc.isoformat(),
        )
        for one in found
    ]
