"""Addresses of this room: its pages, and its part of the REST API."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.encryption import api, authority_api, policy_api

app_name = "encryption"
urlpatterns: list[URLPattern] = []
api_urlpatterns: list[URLPattern] = [
    path("join-tokens", api.JoinTokensView.as_view(), name="join_tokens"),
    path("certificates", api.CertificatesView.as_view(), name="certificates"),
    path("encryption", policy_api.MeshEncryptionView.as_view(), name="encryption"),
    path(
        "applications/<str:app>/encryption",
        policy_api.ApplicationEncryptionView.as_view(),
        name="application_encryption",
    ),
    path(
        "applications/<str:app>/encryption/preview",
        policy_api.CallersPreviewView.as_view(),
        name="application_encryption_preview",
    ),
    path("authorities", authority_api.AuthoritiesView.as_view(), name="authorities"),
    path(
        "authorities/<int:generation>/sign",
        authority_api.AuthoritySignView.as_view(),
        name="authority_sign",
    ),
    path(
        "authorities/<int:generation>/retire",
        authority_api.AuthorityRetireView.as_view(),
        name="authority_retire",
    ),
]
