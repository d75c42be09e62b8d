"""Addresses of this room: its pages, and its part of the REST API."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.inventory import api

app_name = "inventory"
urlpatterns: list[URLPattern] = []
api_urlpatterns: list[URLPattern] = [
    path("applications", api.ApplicationsView.as_view(), name="applications"),
    path("applications/<str:name>", api.ApplicationView.as_view(), name="application"),
    path("units", api.UnitsView.as_view(), name="units"),
    path("units/<str:name>", api.UnitView.as_view(), name="unit"),
    path("groups", api.GroupsView.as_view(), name="groups"),
    path("interfaces", api.InterfacesView.as_view(), name="interfaces"),
    path("instances", api.InstancesView.as_view(), name="instances"),
    path("instances/<str:instance_id>", api.InstanceView.as_view(), name="instance"),
    path(
        "instances/<str:instance_id>/drain", api.InstanceDrainView.as_view(), name="instance-drain"
    ),
    path(
        "instances/<str:instance_id>/restore",
        api.InstanceRestoreView.as_view(),
        name="instance-restore",
    ),
    path("progress", api.ProgressView.as_view(), name="progress"),
]
