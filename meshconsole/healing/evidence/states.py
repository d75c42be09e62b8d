"""The life of an anomaly: open, then recovered by word of its reporters, or lapsed by silence.

An anomaly is a summary of evidence and not yet a case: nothing is done about it here. It is
`recovered` only when nobody who reported it still says that it fails; it is `lapsed` when nobody
has said so for a while, which is the weaker ending, since the reporters may be gone themselves.
Both endings are final: a fault that comes back is another anomaly.
"""

from __future__ import annotations

from django.db.models import TextChoices


class AnomalyState(TextChoices):
    """What is true of an anomaly now."""

    OPEN = "open"
    RECOVERED = "recovered"
    LAPSED = "lapsed"


class AnomalyEvent(TextChoices):
    """What happened to it."""

    RECOVERY_REPORTED = "recovery_reported"
    FELL_SILENT = "fell_silent"


TRANSITIONS: dict[tuple[str, str], str] = {
    (AnomalyState.OPEN, AnomalyEvent.RECOVERY_REPORTED): AnomalyState.RECOVERED,
    (AnomalyState.OPEN, AnomalyEvent.FELL_SILENT): AnomalyState.LAPSED,
}
OPEN = frozenset({AnomalyState.OPEN})
TERMINAL = frozenset({AnomalyState.RECOVERED, AnomalyState.LAPSED})
