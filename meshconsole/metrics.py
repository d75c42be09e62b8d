"""What the console tells Prometheus: every room's figures, read at scrape time."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder

from meshconsole.audit.metrics import families as audit
from meshconsole.core.health import database_answers, families as core
from meshconsole.inventory.metrics import families as inventory

ROOMS: tuple[Callable[[], Iterable[Metric]], ...] = (audit, inventory)


@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    """Nothing is kept between processes or scrapes."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector())
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(registry), content_type=content_type)


class _Collector:
    def collect(self) -> Iterable[Metric]:
        yield from core()
        if database_answers():
            for families in ROOMS:
                yield from families()
