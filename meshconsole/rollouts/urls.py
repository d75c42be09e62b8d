"""Addresses of this room: its pages, and its part of the REST API."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.rollouts import api, ledger_pages, verbs, views, wizard

app_name = "rollouts"
VERBS = (
    "rollout_plan", "rollout_start", "rollout_approve", "rollout_promote", "rollout_pause",
    "rollout_resume", "rollout_abort", "rollout_rollback",
)  # fmt: skip
urlpatterns: list[URLPattern] = [
    path("rollouts/", views.rollouts, name="rollouts"),
    path("rollouts/new/", wizard.new, name="new"),
    path("rollouts/new/preview/", wizard.preview, name="new_preview"),
    path("rollouts/new/start/", wizard.create, name="new_start"),
    path("rollouts/<int:pk>/", views.rollout, name="rollout"),
    path("rollouts/<int:pk>/live/", views.rollout_live, name="rollout_live"),
    path("rollouts/<int:pk>/ledger.csv", ledger_pages.ledger_csv, name="ledger_csv"),
    path("rollouts/<int:pk>/ledger.json", ledger_pages.ledger_json, name="ledger_json"),
    *(
        path(
            f"rollouts/<int:pk>/{name.removeprefix('rollout_')}/",
            views.verb_page(name),
            name=name,
        )
        for name in VERBS
    ),
]
api_urlpatterns: list[URLPattern] = [
    path("rollouts", api.RolloutsView.as_view(), name="rollouts"),
    path("rollouts/preview", api.RolloutPreviewView.as_view(), name="rollouts-preview"),
    path("rollouts/<int:pk>", api.RolloutView.as_view(), name="rollout"),
    path("rollouts/<int:pk>/decisions", api.DecisionsView.as_view(), name="rollout-decisions"),
    path("rollouts/<int:pk>/preview", verbs.RolloutPlanView.as_view(), name="rollout-preview"),
    path("rollouts/<int:pk>/start", verbs.RolloutStartView.as_view(), name="rollout-start"),
    path("rollouts/<int:pk>/approve", verbs.RolloutApproveView.as_view(), name="rollout-approve"),
    path("rollouts/<int:pk>/promote", verbs.RolloutPromoteView.as_view(), name="rollout-promote"),
    path("rollouts/<int:pk>/pause", verbs.RolloutPauseView.as_view(), name="rollout-pause"),
    path("rollouts/<int:pk>/resume", verbs.RolloutResumeView.as_view(), name="rollout-resume"),
    path("rollouts/<int:pk>/abort", verbs.RolloutAbortView.as_view(), name="rollout-abort"),
    path(
        "rollouts/<int:pk>/rollback", verbs.RolloutRollbackView.as_view(), name="rollout-rollback"
    ),
    path("freezes", api.FreezesView.as_view(), name="freezes"),
    path("freezes/<int:pk>", api.FreezeView.as_view(), name="freeze"),
]
