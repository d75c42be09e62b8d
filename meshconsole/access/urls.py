"""Addresses of this room: its pages, and its part of the REST API."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.access import api, views

app_name = "access"
urlpatterns: list[URLPattern] = [
    path("login/", views.sign_in, name="login"),
    path("logout/", views.sign_out, name="logout"),
]
api_urlpatterns: list[URLPattern] = [
    path("me", api.MeView.as_view(), name="me"),
    path("tokens", api.TokensView.as_view(), name="tokens"),
    path("tokens/<int:token_id>", api.TokenView.as_view(), name="token"),
]
