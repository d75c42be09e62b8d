"""Addresses of this room: its pages, and its part of the REST API."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.audit import api

app_name = "audit"
urlpatterns: list[URLPattern] = []
api_urlpatterns: list[URLPattern] = [
    path("audit", api.EntriesView.as_view(), name="audit"),
    path("audit/verify", api.VerifyView.as_view(), name="audit-verify"),
]
