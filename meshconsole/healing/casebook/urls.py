"""Addresses of cases: pages, forms, the written report, and their part of the REST API."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.healing.casebook import api, forms, views
from meshconsole.healing.casebook.buttons import verb_of

urlpatterns: list[URLPattern] = [
    path("cases/", views.cases, name="cases"),
    path("cases/rows/", views.case_rows, name="case_rows"),
    path("applications/<str:name>/cases/", views.application_cases, name="application_cases"),
    path("instances/<str:name>/remove/", forms.instance_remove, name="instance_remove"),
    path("cases/<int:pk>/", views.case, name="case"),
    path("cases/<int:pk>/live/", views.case_live, name="case_live"),
    path("cases/<int:pk>.md", views.case_report, name="case_report"),
    *(
        path(f"cases/<int:pk>/{verb_of(name)}/", forms.verb_page(name), name=name)
        for name in forms.VERBS
    ),
]
api_urlpatterns: list[URLPattern] = [
    path("cases", api.CasesView.as_view(), name="cases"),
    path("cases/facets", api.CaseFacetsView.as_view(), name="case_facets"),
    path("cases/<int:pk>", api.CaseView.as_view(), name="case"),
    path("cases/<int:pk>.md", api.CaseReportView.as_view(), name="case_report"),
    path("cases/<int:pk>/timeline", api.CaseTimelineView.as_view(), name="case_timeline"),
    path("cases/<int:pk>/dismiss", api.CaseDismissView.as_view(), name="case_dismiss"),
    path("cases/<int:pk>/hold", api.CaseHoldView.as_view(), name="case_hold"),
    path("cases/<int:pk>/release", api.CaseReleaseView.as_view(), name="case_release"),
    path("cases/<int:pk>/retry", api.CaseRetryView.as_view(), name="case_retry"),
    path("cases/<int:pk>/mark", api.CaseMarkView.as_view(), name="case_mark"),
    path("removals", api.RemovalsView.as_view(), name="removals"),
]
