"""Figures for the chart library: data and axes here, colours in the browser with the theme."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from meshconsole.telemetry.figures import Point


def traffic_figures(points: Sequence[Point]) -> dict[str, Any]:
    """Rate with errors, and latency, over the same times; a gap where nothing was answered."""
    times = [datetime.fromtimestamp(point.at, UTC).isoformat() for point in points]
    rates = [round(point.requests_per_second, 2) for point in points]
    errors = [round(point.requests_per_second * point.error_ratio, 3) for point in points]
    p95 = [
        None if point.p95_seconds is None else round(point.p95_seconds * 1000, 2)
        for point in points
    ]
    return {
        "rate": {
            "data": [
                _line(times, rates, "requests", "series-a", fill="tozeroy"),
                _line(times, errors, "errors", "bad", dash="dot"),
            ],
            "layout": {"yaxis": {"title": {"text": "per second"}, "rangemode": "tozero"}},
        },
        "latency": {
            "data": [_line(times, p95, "p95", "series-b")],
            "layout": {"yaxis": {"title": {"text": "ms"}, "rangemode": "tozero"}},
        },
    }


def _line(
    times: list[str], values: Sequence[float | None], name: str, token: str,
    *, fill: str = "none", dash: str = "solid",
) -> dict[str, Any]:  # fmt: skip
    """A trace; `meta` names the colour token that the browser paints it with."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": times,
        "y": values,
        "name": name,
        "meta": token,
        "fill": fill,
        "line": {"dash": dash, "width": 2},
        "hovertemplate": f"%{{y}} {name}<extra></extra>",
        "connectgaps": False,
    }
