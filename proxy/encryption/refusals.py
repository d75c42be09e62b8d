"""Why a caller was not let in: a word to count it by, and one clear line in the log.

What is refused once is often refused many times a second, by the same caller for the same reason:
then one line says how often.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from time import monotonic
from typing import Literal

logger = logging.getLogger("proxy.encryption")

Reason = Literal[
    "plaintext", "tls", "no_identity", "no_certificate", "expired", "not_yet_valid", "foreign_ca",
    "key_mismatch", "wrong_identity", "bad_certificate", "rejected", "protocol", "timeout", "ended",
]  # fmt: skip
SILENT_SECONDS = 10.0
"""The same reason from the same source is said once in so long."""
REMEMBERED = 256
"""Pairs of a reason and a source that are kept apart."""

_VERIFY: dict[int, tuple[Reason, str]] = {
    2: ("foreign_ca", "its certificate is signed by an authority that the mesh does not trust"),
    7: ("foreign_ca", "the signature of its certificate is not that of a trusted authority"),
    9: ("not_yet_valid", "its certificate is not valid yet: compare both clocks"),
    10: ("expired", "its certificate has expired"),
    18: ("foreign_ca", "its certificate is signed by itself"),
    19: ("foreign_ca", "its certificate is signed by an authority that the mesh does not trust"),
    20: ("foreign_ca", "its certificate is signed by an authority that the mesh does not trust"),
    21: ("foreign_ca", "its certificate is signed by an authority that the mesh does not trust"),
}
"""By OpenSSL's number of why a certificate was not verified."""
_TLS: dict[str, tuple[Reason, str]] = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": ("no_certificate", "it showed no certificate"),
    "BAD_SIGNATURE": ("key_mismatch", "its key is not the one that its certificate is for"),
}
"""By OpenSSL's name of what went wrong."""


class Refusals:
    """Counts and says what one process refused."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.counts: dict[str, int] = {}
        """By reason."""
        self._clock = clock
        self._said: dict[tuple[str, str], tuple[float, int]] = {}
        """When a reason and a source were last said, and how often they were not since."""

    def refuse(self, reason: Reason, door: str, source: str, why: str) -> None:
        """A caller was not let in."""
        self.count(reason)
        self.say(reason, source, f"{door} refused {source or 'a caller'}: {why}")

    def count(self, reason: Reason) -> None:
        """The same once more, of which enough was said."""
        self.counts[reason] = self.counts.get(reason, 0) + 1

    def say(self, reason: str, source: str, sentence: str) -> None:
        """Log a sentence, unless that was done for the same reason and source a moment ago."""
        now = self._clock()
        at, more = self._said.pop((reason, source), (now - SILENT_SECONDS, 0))
        if now - at < SILENT_SECONDS:
            self._said[reason, source] = at, more + 1
            return
        if len(self._said) >= REMEMBERED:
            del self._said[next(iter(self._said))]
        self._said[reason, source] = now, 0
        logger.warning("%s%s.", sentence, f" ({more} more like it)" if more else "")


def why_failed(error: OSError) -> tuple[Reason, str]:
    """Why a handshake failed: the word and the words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        words = f"its certificate cannot be accepted: {error.verify_message}"
        return _VERIFY.get(error.verify_code, ("bad_certificate", words))
    if isinstance(error, ssl.SSLError):
        name = getattr(error, "reason", None) or ""
        if "ALERT" in name:
            said = name.partition("ALERT_")[2].replace("_", " ").lower()
            return "rejected", f"it did not accept this side's certificate ({said})"
        return _TLS.get(name, ("protocol", f"its handshake is none of TLS 1.3 ({name or error})"))
    if isinstance(error, ConnectionAbortedError | TimeoutError):
        return "timeout", "its handshake did not come to an end in time"
    return "ended", "it went away in the middle of its handshake"
