"""Addresses of guard rails and brakes: pages, and their part of the REST API."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.healing.guards import api, policy_views, views, window_api

urlpatterns: list[URLPattern] = [
    path("automation/", views.automation, name="automation"),
    path("automation/brakes/", views.brakes, name="brakes"),
    path("automation/policy/", policy_views.mesh_policy, name="mesh_policy"),
    path(
        "automation/policy/<str:app>/", policy_views.application_policy, name="application_policy"
    ),
    path("automation/engage/", views.switch_engage, name="kill_switch_engage"),
    path("automation/release/<int:pk>/", views.switch_release, name="kill_switch_release"),
    path("automation/window/", views.window_create, name="maintenance_create"),
    path("automation/window/<int:pk>/", views.window_end, name="maintenance_end"),
    path("automation/hours/", views.hours_create, name="protected_hours_create"),
    path("automation/hours/<int:pk>/", views.hours_end, name="protected_hours_end"),
]
api_urlpatterns: list[URLPattern] = [
    path("healing-policies", api.PoliciesView.as_view(), name="healing_policies"),
    path("healing-parameters", api.ParametersView.as_view(), name="healing_parameters"),
    path("healing-policy", api.MeshPolicyView.as_view(), name="healing_policy"),
    path(
        "applications/<str:app>/healing-policy",
        api.ApplicationPolicyView.as_view(),
        name="application_healing_policy",
    ),
    path("kill-switches", api.KillSwitchesView.as_view(), name="kill_switches"),
    path(
        "kill-switches/<int:pk>/release",
        api.KillSwitchReleaseView.as_view(),
        name="kill_switch_release",
    ),
    path("maintenance-windows", window_api.WindowsView.as_view(), name="maintenance_windows"),
    path(
        "maintenance-windows/<int:pk>/end",
        window_api.WindowEndView.as_view(),
        name="maintenance_end",
    ),
    path("protected-hours", window_api.HoursView.as_view(), name="protected_hours"),
    path(
        "protected-hours/<int:pk>/end",
        window_api.HoursEndView.as_view(),
        name="protected_hours_end",
    ),
]
