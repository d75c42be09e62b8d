"""What the peers of an endpoint did while it failed several times in a row."""

from __future__ import annotations

from enum import Enum
from statistics import median

from proxy.healing.ejector import Ejector, key_of
from proxy.healing.judgement import FAST_PEERS_LIMIT
from proxy.healing.records import Record, Remembered, Stats

ASKED_LIMIT = 64
"""Peers that are looked at; a median of more is no better."""


class Word(Enum):
    """What their answers say."""

    WELL = "well"
    ILL = "ill"
    SILENT = "silent"


def remembered(ejector: Ejector, record: Record) -> list[Remembered]:
    """What each peer has counted by now."""
    others = [one for one in ejector.members if one.attempts and one is not record.stats]
    return [(one, one.answered, bad_of(one)) for one in others[:ASKED_LIMIT]]


def rates_since(ejector: Ejector, peers: list[Remembered]) -> list[float]:
    """The error rates since then of those that were asked, and are not ejected. One that fails in a
    row itself is not well, whatever it answered before."""
    rates = []
    for stats, answered, failed in peers:
        other = ejector.records.get(key_of(stats))
        good, bad = stats.answered - answered, bad_of(stats) - failed
        if other is not None and other.ejected is not None and ejector.terms.mode != "report":
            continue
        if other is not None and other.is_failing_now:
            rates.append(1.0)
        elif good + bad > 0:
            rates.append(bad / (good + bad))
    return rates


def word_of(ejector: Ejector, record: Record, middle: float) -> Word:
    """Are most of its peers well, since its streak began and in their windows (whose median rate
    is `middle`)? Silent when fewer than half of them were asked since."""
    if middle > FAST_PEERS_LIMIT:
        return Word.ILL
    peers = record.peers or []
    rates = rates_since(ejector, peers)
    if rates and median(rates) > FAST_PEERS_LIMIT:
        return Word.ILL
    return Word.SILENT if 2 * len(rates) < len(peers) else Word.WELL


def bad_of(stats: Stats) -> int:
    """Failures so far that count."""
    return stats.connect + stats.timeout + stats.server_error + stats.protocol - stats.excused
