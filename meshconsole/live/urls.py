"""Addresses of this room: its pages, and its part of the REST API."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.live import api

app_name = "live"
urlpatterns: list[URLPattern] = []
api_urlpatterns: list[URLPattern] = [
    path("events", api.EventsView.as_view(), name="events"),
]
