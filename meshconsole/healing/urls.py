"""Addresses of this room: its pages, and its part of the REST API."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.healing import api, door_api, views
from meshconsole.healing.approvals import urls as approvals
from meshconsole.healing.casebook import urls as casebook
from meshconsole.healing.guards import urls as guards
from meshconsole.healing.notices import urls as notices
from meshconsole.healing.replays import urls as replays

app_name = "healing"
_SUBROOMS = (approvals, casebook, guards, notices, replays)
urlpatterns: list[URLPattern] = [
    path("feed/", views.feed, name="feed"),
    path("feed/rows/", views.feed_rows, name="feed_rows"),
    path("feed/quarantine/", views.quarantine, name="quarantine"),
    path("feed/<int:pk>/", views.anomaly, name="anomaly"),
    *(each for room in _SUBROOMS for each in room.urlpatterns),
]
api_urlpatterns: list[URLPattern] = [
    path("anomalies", api.AnomaliesView.as_view(), name="anomalies"),
    path("anomalies/facets", api.FacetsView.as_view(), name="anomaly_facets"),
    path("anomalies/<int:pk>", api.AnomalyView.as_view(), name="anomaly"),
    path("anomaly-reports", door_api.AnomalyReportsDoor.as_view(), name="anomaly_reports"),
    path("alertmanager", door_api.AlertmanagerView.as_view(), name="alertmanager"),
    path("anomaly-quarantine", api.QuarantineView.as_view(), name="anomaly_quarantine"),
    *(each for room in _SUBROOMS for each in room.api_urlpatterns),
]
