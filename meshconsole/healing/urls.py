"""Addresses of this room: its pages, and its part of the REST API."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.healing import api, case_api, case_urls, decision_urls, door_api, views

app_name = "healing"
urlpatterns: list[URLPattern] = [
    path("feed/", views.feed, name="feed"),
    path("feed/rows/", views.feed_rows, name="feed_rows"),
    path("feed/quarantine/", views.quarantine, name="quarantine"),
    path("feed/<int:pk>/", views.anomaly, name="anomaly"),
    *decision_urls.urlpatterns,
    *case_urls.urlpatterns,
]
api_urlpatterns: list[URLPattern] = [
    path("anomalies", api.AnomaliesView.as_view(), name="anomalies"),
    path("anomalies/facets", api.FacetsView.as_view(), name="anomaly_facets"),
    path("anomalies/<int:pk>", api.AnomalyView.as_view(), name="anomaly"),
    path("anomaly-reports", door_api.AnomalyReportsDoor.as_view(), name="anomaly_reports"),
    path("alertmanager", door_api.AlertmanagerView.as_view(), name="alertmanager"),
    path("anomaly-quarantine", api.QuarantineView.as_view(), name="anomaly_quarantine"),
    path("cases", case_api.CasesView.as_view(), name="cases"),
    path("cases/facets", case_api.CaseFacetsView.as_view(), name="case_facets"),
    path("cases/<int:pk>", case_api.CaseView.as_view(), name="case"),
    path("cases/<int:pk>.md", case_api.CaseReportView.as_view(), name="case_report"),
    path("cases/<int:pk>/timeline", case_api.CaseTimelineView.as_view(), name="case_timeline"),
    path("cases/<int:pk>/dismiss", case_api.CaseDismissView.as_view(), name="case_dismiss"),
    path("cases/<int:pk>/hold", case_api.CaseHoldView.as_view(), name="case_hold"),
    path("cases/<int:pk>/release", case_api.CaseReleaseView.as_view(), name="case_release"),
    path("cases/<int:pk>/retry", case_api.CaseRetryView.as_view(), name="case_retry"),
    path("cases/<int:pk>/mark", case_api.CaseMarkView.as_view(), name="case_mark"),
    path("removals", case_api.RemovalsView.as_view(), name="removals"),
    *decision_urls.api_urlpatterns,
]
