"""The head: which snapshot every variant shall have at the latest revision."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from meshconsole.discovery.lint import Finding


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """One published revision; `fence` orders leaders, `v` orders revisions."""

    v: int = 0
    fence: int = 0
    variants: dict[str, str] = {}
    """Variant key -> digest of its snapshot."""
    findings: tuple[Finding, ...] = ()
    blocked: tuple[str, ...] = ()
    """Variants that keep an earlier content because of a finding."""
    at: float = 0.0
    """Epoch seconds of its publication."""

    def follows(self, other: Head) -> bool:
        """May this head take the place of `other`? Never to a lower fence or a lower revision."""
        mine, theirs = (self.fence, self.v), (other.fence, other.v)
        return self.fence >= other.fence and self.v >= other.v and mine != theirs


_variants = msgspec.json.Decoder(dict[str, str])
_findings = msgspec.json.Decoder(tuple[Finding, ...])
_blocked = msgspec.json.Decoder(tuple[str, ...])


def head_write(head: Head) -> dict[str, str | int | float]:
    """The fields of a head as Redis keeps them."""
    return {
        "v": head.v,
        "fence": head.fence,
        "variants": msgspec.json.encode(head.variants, order="sorted").decode(),
        "findings": msgspec.json.encode(head.findings).decode(),
        "blocked": msgspec.json.encode(head.blocked).decode(),
        "at": head.at,
    }


def head_read(fields: Mapping[bytes | str, bytes | str]) -> Head | None:
    """Read a head; None when there is none or when it cannot be read."""
    texts = {_text(name): _text(value) for name, value in fields.items()}
    try:
        return Head(
            v=int(texts["v"]),
            fence=int(texts["fence"]),
            variants=_variants.decode(texts["variants"]),
            findings=_findings.decode(texts.get("findings", "[]")),
            blocked=_blocked.decode(texts.get("blocked", "[]")),
            at=float(texts.get("at", 0)),
        )
    except (KeyError, ValueError, msgspec.MsgspecError):
        return None


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")
