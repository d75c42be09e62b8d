"""Addresses of this room: its pages, and its part of the REST API."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.encryption import api, authority_api, certificate_views, policy_api, views

app_name = "encryption"
urlpatterns: list[URLPattern] = [
    path("encryption/", views.mesh, name="mesh"),
    path("encryption/certificates/", certificate_views.certificates, name="certificates"),
    path("encryption/authorities/add/", certificate_views.add, name="authority_add"),
    path(
        "encryption/authorities/<int:generation>/sign/",
        certificate_views.sign,
        name="authority_sign",
    ),
    path(
        "encryption/authorities/<int:generation>/retire/",
        certificate_views.retire,
        name="authority_retire",
    ),
    path("applications/<str:name>/encryption/", views.application, name="application"),
    path(
        "applications/<str:name>/encryption/modes/",
        views.application_modes,
        name="application_modes",
    ),
    path(
        "applications/<str:name>/encryption/callers/",
        views.application_callers,
        name="application_callers",
    ),
    path(
        "applications/<str:name>/encryption/preview/",
        views.application_preview,
        name="application_preview",
    ),
]
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
