"""Addresses of this room: its pages, and its part of the REST API."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.audit import api, views

app_name = "audit"
urlpatterns: list[URLPattern] = [
    path("audit/", views.entries, name="entries"),
    path("audit/export.csv", views.export_csv, name="export_csv"),
    path("audit/export.jsonl", views.export_lines, name="export_lines"),
    path("applications/<str:name>/audit/", views.application_entries, name="application_entries"),
]
api_urlpatterns: list[URLPattern] = [
    path("audit", api.EntriesView.as_view(), name="audit"),
    path("audit/verify", api.VerifyView.as_view(), name="audit-verify"),
]
