"""Addresses of this room: its pages, and its part of the REST API."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.healing import api, views

app_name = "healing"
urlpatterns: list[URLPattern] = [
    path("feed/", views.feed, name="feed"),
    path("feed/rows/", views.feed_rows, name="feed_rows"),
    path("feed/<int:pk>/", views.anomaly, name="anomaly"),
]
api_urlpatterns: list[URLPattern] = [
    path("anomalies", api.AnomaliesView.as_view(), name="anomalies"),
    path("anomalies/facets", api.FacetsView.as_view(), name="anomaly_facets"),
    path("anomalies/<int:pk>", api.AnomalyView.as_view(), name="anomaly"),
    path("anomaly-reports", api.AnomalyReportsView.as_view(), name="anomaly_reports"),
    path("anomaly-quarantine", api.QuarantineView.as_view(), name="anomaly_quarantine"),
]
