"""Addresses of replays: pages, and their part of the REST API."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.healing.replays import api, views

urlpatterns: list[URLPattern] = [
    path("automation/replays/", views.replays, name="replays"),
    path("automation/replays/<int:pk>/", views.replay, name="replay"),
]
api_urlpatterns: list[URLPattern] = [
    path("healing-replays", api.ReplaysView.as_view(), name="healing_replays"),
    path("healing-replays/<int:pk>", api.ReplayView.as_view(), name="healing_replay"),
]
