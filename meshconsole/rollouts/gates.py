"""Every gate of a wave: what was counted, held against what is allowed.

A gate judges this change only: cohort against control for traffic and for what callers report,
and what was counted since the wave began for everything else. What is not known is not a pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshconsole.rollouts.differences import traffic_findings
from meshconsole.rollouts.facts import LEDGERED, METRICS, Cost, Facts, Finding, Word, finding

HANDSHAKE_SHARE = 0.001
HANDSHAKE_COUNT = 2
"""One less than sends a caller back to plaintext where it may go there: it would try no fourth."""
HANDSHAKES_FOR_A_SHARE = 1000
"""Below so many handshakes a single failure is more than 0.1%, and says nothing."""
MEMORY_SHARE = 0.20
CPU_SHARE = 0.10
EJECTIONS_MORE = 1
_NAMED_LIMIT = 5
_ALONE = "which nobody else has seen"


def judge(facts: Facts, metrics: Iterable[str], *, needed: Iterable[str] = ()) -> list[Finding]:
    """What each of these gates says, in their fixed order.

    A fact that is not known makes a gate that is `needed` inconclusive, and leaves others out.
    """
    wanted, must = set(metrics), set(needed)
    said = [
        *(traffic_findings(facts.traffic, facts.min_requests) if facts.traffic else ()),
        *(_of_all(facts, gate(facts)) for gate in (_cut, _handshakes, _plaintext)),
        _acks(facts),
        _ejections(facts),
        _cost("memory", facts.memory_per_connection, MEMORY_SHARE, "memory per connection"),
        _cost("cpu", facts.cpu_per_request, CPU_SHARE, "CPU per request"),
    ]
    found = {one.metric: one for one in said if one is not None and one.metric in wanted}
    return [
        found.get(metric) or _unknown(metric, facts)
        for metric in METRICS
        if metric in found or (metric in must and metric in wanted)
    ]


def _of_all(facts: Facts, said: Finding | None) -> Finding | None:
    """What some of the wave's sidecars say; a pass needs the word of all."""
    is_partial = bool(facts.untold) and said is not None and said.verdict == "pass"
    return None if is_partial else said


def _cut(facts: Facts) -> Finding | None:
    if facts.cut is None:
        return None
    told = f"{facts.cut} cut of {facts.cut_of} requests; none may be."
    if facts.alone_cut:
        told = f"{facts.alone} says that it cut {facts.alone_cut}, {_ALONE}. {told}"
    return finding(
        "cut",
        _word(is_over=facts.cut > 0, is_doubtful=facts.alone_cut > 0),
        told,
        measure="count",
        value=facts.cut,
        bound=0,
    )


def _handshakes(facts: Facts) -> Finding | None:
    seen = facts.handshakes
    if seen is None:
        return None
    total = seen.opened + seen.failed
    by_share = total >= HANDSHAKES_FOR_A_SHARE and seen.failed > HANDSHAKE_SHARE * total
    failed = by_share or seen.worst_failed > HANDSHAKE_COUNT
    told = f"{seen.failed} of {total} handshakes failed in the last minute"
    if seen.worst_failed:
        told += f", {seen.worst_failed} of them on {seen.worst}"
    if seen.alone:
        told += f" by the word of {seen.alone}, {_ALONE}"
    return finding(
        "handshakes",
        _word(is_over=failed and not seen.alone, is_doubtful=failed),
        f"{told}; {HANDSHAKE_COUNT} on one edge may, and 0.1% of many.",
        measure="count",
        value=seen.failed if by_share else seen.worst_failed,
        bound=HANDSHAKE_SHARE * total if by_share else HANDSHAKE_COUNT,
    )


def _plaintext(facts: Facts) -> Finding | None:
    share, refused = facts.plaintext_share, facts.plain_refused
    if share is None and not refused:
        return None
    told = f"{100 * (share or 0):.2f}% of requests came in plaintext; none may under strict."
    if refused:
        # Anybody who reaches the port can bring this about: it asks for a look, and is no failure.
        sources = f", the latest from {_named(facts.plain_sources)}" if facts.plain_sources else ""
        noun = "connection" if refused == 1 else "connections"
        told = f"{refused} {noun} in plaintext refused since the wave began{sources}. {told}"
    return finding(
        "plaintext",
        _word(is_over=bool(share), is_doubtful=refused > 0),
        told,
        measure="ratio",
        value=share,
        bound=0,
    )


def _acks(facts: Facts) -> Finding | None:
    if facts.acked is None:
        return None
    missing = facts.expected - facts.acked
    waiting = f"; missing: {_named(facts.missing)}" if missing > 0 else ""
    return finding(
        "acks",
        "fail" if missing > 0 else "pass",
        f"{facts.acked} of {facts.expected} sidecars have it in force{waiting}.",
        measure="count",
        value=missing,
        bound=0,
    )


def _ejections(facts: Facts) -> Finding | None:
    if facts.ejections is None:
        return None
    bound = facts.control_ejections + EJECTIONS_MORE
    told = (
        f"Callers found {facts.ejections} of the wave's instances failing and "
        f"{facts.control_ejections} untouched ones; {bound} are allowed."
    )
    if facts.alone_ejections:
        told += f" {facts.alone_ejector} says so of {facts.alone_ejections} more, {_ALONE}."
    return finding(
        "ejections",
        _word(
            is_over=facts.ejections > bound,
            is_doubtful=facts.ejections + facts.alone_ejections > bound,
        ),
        told,
        measure="count",
        value=facts.ejections,
        control=facts.control_ejections,
        bound=bound,
    )


def _cost(metric: str, cost: Cost | None, share: float, name: str) -> Finding | None:
    if cost is None or cost.before <= 0:
        return None
    control = None
    if cost.control_before and cost.control_now is not None:
        control = cost.control_now / cost.control_before - 1
    delta = cost.now / cost.before - 1 - (control or 0.0)
    return finding(
        metric,
        "fail" if delta > share else "pass",
        f"The proxies' {name} changed by {100 * delta:+.1f}%; {100 * share:.0f}% are allowed.",
        measure="ratio",
        value=delta,
        control=control,
        bound=share,
    )


def _word(*, is_over: bool, is_doubtful: bool) -> Word:
    """A failure that is believed, one that is not, or none."""
    return "fail" if is_over else "inconclusive" if is_doubtful else "pass"


def _unknown(metric: str, facts: Facts) -> Finding:
    told = "Not known just now: neither sidecars nor Redis have told it."
    if facts.untold and metric in LEDGERED:
        told = f"Not known just now: not told by {_named(facts.untold)}."
    return finding(metric, "inconclusive", told, measure="ratio")


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED_LIMIT])
    more = len(names) - _NAMED_LIMIT
    return f"{shown} and {more} more" if more > 0 else shown
