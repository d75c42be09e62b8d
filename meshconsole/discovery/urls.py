"""Addresses of this room: its pages, and its part of the REST API."""

from __future__ import annotations

from django.urls import URLPattern

app_name = "discovery"
urlpatterns: list[URLPattern] = []
api_urlpatterns: list[URLPattern] = []
