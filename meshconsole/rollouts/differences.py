"""How much worse the mesh is where a wave has reached, than it was there and than it is elsewhere.

Traffic is judged by the difference of differences: what changed for the cohort since before the
wave, less what changed meanwhile for a control group of untouched instances. So a bad hour of the
whole mesh is nobody's fault, though a very bad one is no verdict, and neither is an instance that
has always been slow. When no instance is left untouched, the cohort is held against its own past
alone. A control group that gets well again blames nobody who was well all the time: then no more
counts than what the cohort is worse by than it was, or than the others are.

A difference counts when it is large (a bound) and not chance (a one-sided z-test, p < 0.01). For
a quantile the test asks whether more requests are slower than its bound than its share allows: a
quantile that was read from few requests moves by itself, and so does one that was slow for a
moment (`chance`).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from meshconsole.rollouts.chance import Z_LIMIT, error_variance, sides_of, tail_doubt
from meshconsole.rollouts.facts import Finding, Measure, Side, Traffic, Word, finding
from meshconsole.telemetry.histogram import quantile

ERROR_BOUND = 0.005
ELSEWHERE_BOUND = 0.05
"""Where untouched instances fail by more than this, a wave that is no worse proves nothing."""
P99_SHARE, P99_SECONDS = 0.10, 0.005
P50_SHARE, P50_SECONDS = 0.10, 0.001
"""The median's floor is the width of the first bucket of latency: nothing finer is measured."""
_METRICS: tuple[tuple[str, Measure], ...] = (
    ("error_rate", "ratio"),
    ("p99", "seconds"),
    ("p50", "seconds"),
)


def traffic_findings(traffic: Traffic, least: int) -> list[Finding]:
    """Error rate, p99 and p50; inconclusive unless every side has `least` requests."""
    scarce = _scarce(traffic, least)
    if scarce:
        return [finding(name, "inconclusive", scarce, measure=unit) for name, unit in _METRICS]
    return [
        _errors(traffic),
        _quantile("p99", 0.99, traffic, P99_SHARE, P99_SECONDS),
        _quantile("p50", 0.50, traffic, P50_SHARE, P50_SECONDS),
    ]


def _scarce(traffic: Traffic, least: int) -> str:
    """Why there are too few requests for a verdict; empty when there are enough."""
    sides = (
        ("the wave's instances took", "since it began", traffic.cohort_now),
        ("the wave's instances took", "before it", traffic.cohort_before),
        ("untouched instances took", "since it began", traffic.control_now),
        ("untouched instances took", "before it", traffic.control_before),
    )
    for who, when, side in sides:
        if side is not None and side.requests < least:
            return f"Too few requests to judge: {who} {side.requests} {when}; {least} are needed."
    return ""


def _errors(traffic: Traffic) -> Finding:
    delta = _difference(traffic, lambda side: side.error_ratio)
    spread = math.sqrt(error_variance(traffic))
    is_large, is_real = delta > ERROR_BOUND, delta / spread > Z_LIMIT
    control = _control(traffic, lambda side: side.error_ratio)
    told = (
        f"Errors went from {_percent(traffic.cohort_before.error_ratio)} to "
        f"{_percent(traffic.cohort_now.error_ratio)} of requests"
        f"{'' if control is None else f', elsewhere by {_points(control)} points'}: "
        f"{_points(delta)} points are this change's, {_points(ERROR_BOUND)} are allowed."
    )
    if is_large and not is_real:
        told += " So few errors may be chance."
    is_lost = control is not None and control > ELSEWHERE_BOUND
    if is_lost:
        told += " So much went wrong where nothing was changed that nothing can be told apart."
    return finding(
        "error_rate",
        "fail" if is_large and is_real else "inconclusive" if is_lost else "pass",
        told,
        measure="ratio",
        value=delta,
        control=control,
        bound=ERROR_BOUND,
    )


def _quantile(metric: str, q: float, traffic: Traffic, share: float, least: float) -> Finding:
    if any(quantile(side.latency, q) is None for side in sides_of(traffic)):
        told = "No answer was timed on one side, so nothing can be compared."
        return finding(metric, "inconclusive", told, measure="seconds")

    def point(side: Side) -> float:
        return quantile(side.latency, q) or 0.0

    before, delta = point(traffic.cohort_before), _difference(traffic, point)
    control = _control(traffic, point)
    bound = max(share * before, least)
    expected = point(traffic.cohort_now) - delta
    doubt = tail_doubt(traffic, q, expected + bound) if delta > bound else ""
    told = (
        f"{metric} went from {_ms(before)} to {_ms(point(traffic.cohort_now))} ms"
        f"{'' if control is None else f', elsewhere by {_ms(control)} ms'}: "
        f"{_ms(delta)} ms are this change's, {_ms(bound)} ms are allowed."
    )
    verdict: Word = "fail" if delta > bound else "pass"
    if doubt == "chance":
        verdict, told = "pass", f"{told} So few slow requests may be chance."
    elif doubt == "burst":
        verdict, told = "inconclusive", f"{told} Nearly all of it came within ten seconds."
    return finding(
        metric,
        verdict,
        told,
        measure="seconds",
        value=delta,
        control=control,
        bound=bound,
    )


def _difference(traffic: Traffic, of: Callable[[Side], float]) -> float:
    now, control = of(traffic.cohort_now), _control(traffic, of)
    own = now - of(traffic.cohort_before)
    if control is None or traffic.control_now is None or control >= 0:
        return own - (control or 0.0)
    return min(own - control, max(own, now - of(traffic.control_now)))


def _control(traffic: Traffic, of: Callable[[Side], float]) -> float | None:
    if traffic.control_before is None or traffic.control_now is None:
        return None
    return of(traffic.control_now) - of(traffic.control_before)


def _percent(ratio: float) -> str:
    return f"{100 * ratio:.2f}%"


def _points(ratio: float) -> str:
    return f"{100 * ratio:.2f}"


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f}"
