"""Addresses of what people decide: approvals, guard rails, notices; part of this room's."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.healing import (
    approval_api,
    approval_views,
    guard_api,
    guard_views,
    link_views,
    notice_api,
    notice_views,
    policy_views,
    replay_api,
    replay_views,
    window_api,
)

urlpatterns: list[URLPattern] = [
    path("approvals/", approval_views.approvals, name="approvals"),
    path("approvals/waiting/", approval_views.approvals_waiting, name="approvals_waiting"),
    path("approvals/links/<str:token>/", link_views.approval_link, name="approval_link"),
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
    path("automation/", guard_views.automation, name="automation"),
    path("automation/brakes/", guard_views.brakes, name="brakes"),
    path("automation/policy/", policy_views.mesh_policy, name="mesh_policy"),
    path(
        "automation/policy/<str:app>/", policy_views.application_policy, name="application_policy"
    ),
    path("automation/replays/", replay_views.replays, name="replays"),
    path("automation/replays/<int:pk>/", replay_views.replay, name="replay"),
    path("automation/engage/", guard_views.switch_engage, name="kill_switch_engage"),
    path("automation/release/<int:pk>/", guard_views.switch_release, name="kill_switch_release"),
    path("automation/window/", guard_views.window_create, name="maintenance_create"),
    path("automation/window/<int:pk>/", guard_views.window_end, name="maintenance_end"),
    path("automation/hours/", guard_views.hours_create, name="protected_hours_create"),
    path("automation/hours/<int:pk>/", guard_views.hours_end, name="protected_hours_end"),
    path("notices/", notice_views.notices, name="notices"),
    path("notices/channels/", notice_views.channel_set, name="channel_create"),
    path("notices/channels/<int:pk>/", notice_views.channel_set, name="channel_set"),
    path("notices/channels/<int:pk>/test/", notice_views.channel_test, name="channel_test"),
    path("notices/channels/<int:pk>/remove/", notice_views.channel_remove, name="channel_remove"),
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
    path("healing-policies", guard_api.PoliciesView.as_view(), name="healing_policies"),
    path("healing-parameters", guard_api.ParametersView.as_view(), name="healing_parameters"),
    path("healing-policy", guard_api.MeshPolicyView.as_view(), name="healing_policy"),
    path(
        "applications/<str:app>/healing-policy",
        guard_api.ApplicationPolicyView.as_view(),
        name="application_healing_policy",
    ),
    path("healing-replays", replay_api.ReplaysView.as_view(), name="healing_replays"),
    path("healing-replays/<int:pk>", replay_api.ReplayView.as_view(), name="healing_replay"),
    path("kill-switches", guard_api.KillSwitchesView.as_view(), name="kill_switches"),
    path(
        "kill-switches/<int:pk>/release",
        guard_api.KillSwitchReleaseView.as_view(),
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
    path("notices", notice_api.NoticesView.as_view(), name="notices"),
    path("notice-channels", notice_api.ChannelsView.as_view(), name="notice_channels"),
    path("notice-channels/<int:pk>", notice_api.ChannelView.as_view(), name="notice_channel"),
    path(
        "notice-channels/<int:pk>/test",
        notice_api.ChannelTestView.as_view(),
        name="notice_channel_test",
    ),
    path(
        "notice-channels/<int:pk>/remove",
        notice_api.ChannelRemoveView.as_view(),
        name="notice_channel_remove",
    ),
]
