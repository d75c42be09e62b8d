"""Addresses of the pages of cases, of their forms, and of their written report."""

from __future__ import annotations

from django.urls import URLPattern, path

from meshconsole.healing import case_forms, case_views
from meshconsole.healing.case_buttons import verb_of

urlpatterns: list[URLPattern] = [
    path("cases/", case_views.cases, name="cases"),
    path("cases/rows/", case_views.case_rows, name="case_rows"),
    path("applications/<str:name>/cases/", case_views.application_cases, name="application_cases"),
    path("instances/<str:name>/remove/", case_forms.instance_remove, name="instance_remove"),
    path("cases/<int:pk>/", case_views.case, name="case"),
    path("cases/<int:pk>/live/", case_views.case_live, name="case_live"),
    path("cases/<int:pk>.md", case_views.case_report, name="case_report"),
    *(
        path(f"cases/<int:pk>/{verb_of(name)}/", case_forms.verb_page(name), name=name)
        for name in case_forms.VERBS
    ),
]
