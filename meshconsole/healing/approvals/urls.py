"""Addresses of what people are asked: pages, and their part of the REST API."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.healing.approvals import api, link_views, views

urlpatterns: list[URLPattern] = [
    path("approvals/", views.approvals, name="approvals"),
    path("approvals/waiting/", views.approvals_waiting, name="approvals_waiting"),
    path("approvals/links/<str:token>/", link_views.approval_link, name="approval_link"),
    path("approvals/<int:pk>/", views.approval, name="approval"),
    path("approvals/<int:pk>/live/", views.approval_live, name="approval_live"),
    *(
        path(
            f"approvals/<int:pk>/{verb.removeprefix('approval_')}/",
            views.verb_page(verb),
            name=verb,
        )
        for verb in views.VERBS
    ),
]
api_urlpatterns: list[URLPattern] = [
    path("approvals", api.ApprovalsView.as_view(), name="approvals"),
    path("approvals/<int:pk>", api.ApprovalView.as_view(), name="approval"),
    path(
        "approvals/<int:pk>/approve",
        api.ApprovalApproveView.as_view(),
        name="approval_approve",
    ),
    path(
        "approvals/<int:pk>/reject",
        api.ApprovalRejectView.as_view(),
        name="approval_reject",
    ),
    path(
        "approvals/<int:pk>/override",
        api.ApprovalOverrideView.as_view(),
        name="approval_override",
    ),
]
