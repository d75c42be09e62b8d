"""Addresses of the demo's own page; outside of a demo there is nothing behind them."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.demo import views

app_name = "demo"
urlpatterns: list[URLPattern] = [
    path("demo/faults/", views.faults, name="faults"),
    path("demo/break/", views.fault_make, name="fault_make"),
    path("demo/mend/", views.fault_mend, name="fault_mend"),
]
api_urlpatterns: list[URLPattern] = []
