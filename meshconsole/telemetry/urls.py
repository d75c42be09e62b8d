"""Addresses of this room: its pages, and its part of the REST API."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.telemetry import api, views

app_name = "telemetry"
urlpatterns: list[URLPattern] = [
    path("topology/", views.topology, name="topology"),
    path("topology/table/", views.topology_table, name="topology_table"),
    path("applications/<str:name>/traffic/", views.application_traffic, name="application_traffic"),
    path(
        "applications/<str:name>/traffic/figures/",
        views.application_traffic_figures,
        name="application_traffic_figures",
    ),
]
api_urlpatterns: list[URLPattern] = [
    path("topology", api.TopologyView.as_view(), name="topology"),
    path("telemetry/<str:kind>", api.TrafficView.as_view(), name="telemetry"),
]
