"""Addresses of what people decide: approvals, guard rails, notices; part of this room's."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.healing import approval_api, approval_views

urlpatterns: list[URLPattern] = [
    path("approvals/", approval_views.approvals, name="approvals"),
    path("approvals/<int:pk>/", approval_views.approval, name="approval"),
    path("approvals/<int:pk>/live/", approval_views.approval_live, name="approval_live"),
    *(
        path(
            f"approvals/<int:pk>/{verb.removeprefix('approval_')}/",
            approval_views.verb_page(verb),
            name=verb,
        )
        for verb in approval_views.VERBS
    ),
]
api_urlpatterns: list[URLPattern] = [
    path("approvals", approval_api.ApprovalsView.as_view(), name="approvals"),
    path("approvals/<int:pk>", approval_api.ApprovalView.as_view(), name="approval"),
    path(
        "approvals/<int:pk>/approve",
        approval_api.ApprovalApproveView.as_view(),
        name="approval_approve",
    ),
    path(
        "approvals/<int:pk>/reject",
        approval_api.ApprovalRejectView.as_view(),
        name="approval_reject",
    ),
    path(
        "approvals/<int:pk>/override",
        approval_api.ApprovalOverrideView.as_view(),
        name="approval_override",
    ),
]
