"""Addresses of the shared floor: health, the revision."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.core import api, health

app_name = "core"
urlpatterns: list[URLPattern] = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
]
api_urlpatterns: list[URLPattern] = [
    path("revision", api.RevisionView.as_view(), name="revision"),
]
