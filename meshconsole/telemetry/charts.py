"""Figures for the chart library: data and axes here, colours in the browser with the theme."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import plotly.graph_objects as go

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
        "rate": _figure(
            "per second",
            _line(times, rates, "requests", "series-a", fill="tozeroy"),
            _line(times, errors, "errors", "bad", dash="dot"),
        ),
        "latency": _figure("ms", _line(times, p95, "p95", "series-b")),
    }


def _figure(unit: str, *lines: go.Scatter) -> dict[str, Any]:
    """A figure's JSON; without a template, since the theme is the page's."""
    yaxis = {"title": {"text": unit}, "rangemode": "tozero"}
    figure = go.Figure(data=lines, layout={"yaxis": yaxis, "template": {}})
    return dict(figure.to_plotly_json())


def _line(
    times: list[str],
    values: Sequence[float | None],
    name: str,
    token: str,
    *,
    fill: str = "none",
    dash: str = "solid",
) -> go.Scatter:
    """A trace; `meta` names the colour token that the browser paints it with."""
    return go.Scatter(
        x=times,
        y=values,
        name=name,
        mode="lines",
        meta=token,
        fill=fill,
        line={"dash": dash, "width": 2},
        hovertemplate=f"%{{y}} {name}<extra></extra>",
        connectgaps=False,
    )
