"""Addresses of this room: its pages, and its part of the REST API."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.encryption import api

app_name = "encryption"
urlpatterns: list[URLPattern] = []
api_urlpatterns: list[URLPattern] = [
    path("join-tokens", api.JoinTokensView.as_view(), name="join_tokens"),
    path("certificates", api.CertificatesView.as_view(), name="certificates"),
]
