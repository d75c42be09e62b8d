"""Addresses of the pages that look across rooms."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.front import context, mesh, overview

app_name = "front"
urlpatterns: list[URLPattern] = [
    path("", overview.overview, name="overview"),
    path("padlock/", context.padlock, name="padlock"),
    path("overview/live/", overview.overview_live, name="overview_live"),
    path("applications/", mesh.applications, name="applications"),
    path("applications/<str:name>/", mesh.application, name="application"),
    path(
        "applications/<str:name>/instances/",
        mesh.application_instances,
        name="application_instances",
    ),
    path("units/", mesh.units, name="units"),
    path("units/<str:name>/", mesh.unit, name="unit"),
    path("instances/", mesh.instances, name="instances"),
    path("instances/<str:name>/", mesh.instance, name="instance"),
]
api_urlpatterns: list[URLPattern] = []
