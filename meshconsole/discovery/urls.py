"""Addresses of this room: its pages, and its part of the REST API."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.discovery import api, views

app_name = "discovery"
urlpatterns: list[URLPattern] = [
    path("sidecars/", views.sidecars, name="sidecars"),
    path("sidecars/table/", views.sidecars_table, name="sidecars_table"),
]
api_urlpatterns: list[URLPattern] = [
    path("sidecars", api.SidecarsView.as_view(), name="sidecars"),
    path("compilation", api.CompilationView.as_view(), name="compilation"),
]
