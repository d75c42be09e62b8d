"""Every address of the console: each room's pages, and each room's part of /api/v1/."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from meshconsole import documents
from meshconsole.access import urls as access
from meshconsole.audit import urls as audit
from meshconsole.core import urls as core
from meshconsole.core.headers import inline_styles
from meshconsole.demo import urls as demo
from meshconsole.discovery import urls as discovery
from meshconsole.encryption import urls as encryption
from meshconsole.front import urls as front
from meshconsole.healing import urls as healing
from meshconsole.healing.cases.troubles import topology_notes
from meshconsole.inventory import urls as inventory
from meshconsole.live import urls as live
from meshconsole.metrics import metrics
from meshconsole.rollouts import urls as rollouts
from meshconsole.steering import urls as steering
from meshconsole.telemetry import urls as telemetry
from meshconsole.telemetry.notes import notes_from

ROOMS = (
    core, access, audit, live, inventory, telemetry, encryption, steering, healing, rollouts,
    discovery, front, demo,
)  # fmt: skip

notes_from(topology_notes)

_docs = inline_styles(SpectacularSwaggerSplitView.as_view(url_name="api:schema"))

urlpatterns: list[URLPattern | URLResolver] = [
    *(path("", include((room.urlpatterns, room.app_name))) for room in ROOMS),
    path("metrics", metrics, name="metrics"),
    path(
        "api/v1/",
        include(
            (
                [
                    *(pattern for room in ROOMS for pattern in room.api_urlpatterns),
                    path("export", documents.ExportView.as_view(), name="export"),
                    path("apply", documents.ApplyView.as_view(), name="apply"),
                    path("schema", SpectacularAPIView.as_view(), name="schema"),
                    path("docs", _docs, name="docs"),
                ],
                "api",
            )
        ),
    ),
]

handler400 = "meshconsole.core.problems.bad_request"
handler403 = "meshconsole.core.problems.forbidden"
handler404 = "meshconsole.core.problems.not_found"
handler500 = "meshconsole.core.problems.failed"
