"""What a sample service was told to do wrong."""

from __future__ import annotations

import msgspec


class Control(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """The body of `POST /_control`; what is left out stays as it is."""

    fail: float | None = None
    """Share of requests answered with 500, 0 to 1."""
    slow_ms: float | None = None
    """Added to every answer, 0 to 60,000."""
    no_tls: bool | None = None
    """The box before the instance lets no connection through that begins with TLS."""
    die: bool = False
    """End the process at once, as a crash would."""


class Faults(msgspec.Struct):
    """The faults in force."""

    fail: float = 0.0
    slow_ms: float = 0.0
    no_tls: bool = False

    def take(self, body: bytes) -> Control:
        """Apply a control message; raises ValueError with what is wrong with it."""
        try:
            control = msgspec.json.decode(body, type=Control)
        except msgspec.DecodeError as error:
            raise ValueError(f"not a control message: {error}") from error
        if control.fail is not None and not 0 <= control.fail <= 1:
            raise ValueError("fail is a share between 0 and 1")
        if control.slow_ms is not None and not 0 <= control.slow_ms <= 60_000:
            raise ValueError("slow_ms is between 0 and 60000")
        if control.fail is not None:
            self.fail = control.fail
        if control.slow_ms is not None:
            self.slow_ms = control.slow_ms
        if control.no_tls is not None:
            self.no_tls = control.no_tls
        return control
