"""Addresses of notices and their channels: pages, and their part of the REST API."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.healing.notices import api, views

urlpatterns: list[URLPattern] = [
    path("notices/", views.notices, name="notices"),
    path("notices/channels/", views.channel_set, name="channel_create"),
    path("notices/channels/<int:pk>/", views.channel_set, name="channel_set"),
    path("notices/channels/<int:pk>/test/", views.channel_test, name="channel_test"),
    path("notices/channels/<int:pk>/remove/", views.channel_remove, name="channel_remove"),
]
api_urlpatterns: list[URLPattern] = [
    path("notices", api.NoticesView.as_view(), name="notices"),
    path("notice-channels", api.ChannelsView.as_view(), name="notice_channels"),
    path("notice-channels/<int:pk>", api.ChannelView.as_view(), name="notice_channel"),
    path(
        "notice-channels/<int:pk>/test",
        api.ChannelTestView.as_view(),
        name="notice_channel_test",
    ),
    path(
        "notice-channels/<int:pk>/remove",
        api.ChannelRemoveView.as_view(),
        name="notice_channel_remove",
    ),
]
