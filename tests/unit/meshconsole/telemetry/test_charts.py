"""Charts are figures that Plotly itself accepts, with gaps where nothing was answered."""

from __future__ import annotations

import json

import plotly.graph_objects as go

from meshconsole.telemetry.charts import traffic_figures
from meshconsole.telemetry.figures import Point


def a_point(at: float, p95: float | None) -> Point:
    return Point(
        at=at, requests_per_second=20.0, error_ratio=0.05, p95_seconds=p95, encrypted_ratio=None
    )


def test_each_figure_is_one_that_plotly_accepts_and_carries_no_theme() -> None:
    figures = json.loads(json.dumps(traffic_figures([a_point(0.0, 0.02)])))
    assert set(figures) == {"rate", "latency"}
    for figure in figures.values():
        go.Figure(figure)
        assert "layout" not in figure["layout"]["template"]


def test_a_time_without_an_answer_is_a_gap_in_the_latency() -> None:
    latency = traffic_figures([a_point(0.0, 0.02), a_point(10.0, None)])["latency"]
    assert latency["data"][0]["y"] == [20.0, None]
    assert latency["data"][0]["connectgaps"] is False
