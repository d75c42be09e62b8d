"""One JSON line per event on standard error, with the request it belongs to."""

from __future__ import annotations

from typing import Any

import structlog
from structlog.types import EventDict, WrappedLogger

from meshconsole.core.request import current


def logging_settings(level: str) -> dict[str, Any]:
    """The `LOGGING` of Django: standard loggers, structlog's JSON."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": "structlog.stdlib.ProcessorFormatter",
                "foreign_pre_chain": [
                    structlog.stdlib.add_log_level,
                    structlog.stdlib.add_logger_name,
                    structlog.stdlib.ExtraAdder(),
                    structlog.processors.TimeStamper(fmt="iso", utc=True),
                    _of_request,
                    structlog.processors.format_exc_info,
                ],
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    _without_objects,
                    structlog.processors.JSONRenderer(default=str),
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django.request": {"level": "ERROR"},
            "django.db.backends": {"level": "WARNING"},
            "daphne": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},
        },
    }


def _of_request(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    request = current()
    if request.id:
        event.setdefault("request_id", request.id)
    return event


def _without_objects(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for name in ("request", "server_time"):
        event.pop(name, None)
    return event
