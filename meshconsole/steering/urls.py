"""Addresses of this room: its pages, and its part of the REST API."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.steering import api, views

app_name = "steering"
urlpatterns: list[URLPattern] = [
    path("routes/", views.routes, name="routes"),
    path("routes/<str:app>/", views.route, name="route"),
    path("routes/<str:app>/preview/", views.route_preview, name="route_preview"),
    path("routes/<str:app>/split/", views.route_split, name="route_split"),
    path("routes/<str:app>/revert/", views.route_revert, name="route_revert"),
    path("routes/<str:app>/progress/", views.route_progress, name="route_progress"),
    path("routes/<str:app>/measured/", views.route_measured, name="route_measured"),
    path("routes/<str:app>/changed/", views.route_changed, name="route_changed"),
    path("applications/<str:name>/routes/", views.application_routes, name="application_routes"),
]
api_urlpatterns: list[URLPattern] = [
    path("routes", api.RoutesView.as_view(), name="routes"),
    path("routes/<str:app>", api.RouteView.as_view(), name="route"),
    path("routes/<str:app>/preview", api.RoutePreviewView.as_view(), name="route_preview"),
    path("routes/<str:app>/revert", api.RouteRevertView.as_view(), name="route_revert"),
    path("routes/<str:app>/versions", api.RouteVersionsView.as_view(), name="route_versions"),
]
