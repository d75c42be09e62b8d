"""The Celery app of the healer: its broker is the console's Redis, its settings are few."""

from __future__ import annotations

import logging
import os
from typing import Any
from urllib.parse import parse_qs, urlsplit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "meshconsole.settings")

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings

from healer.beat import Beat
from healer.schedule import SCHEDULE

_QUIET = ("celery.beat", "celery.app.trace", "celery.worker.strategy")


def broker_url(url: str) -> str:
    """The console's Redis URL as kombu wants it: a Unix socket is `redis+socket://` there."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    query = parse_qs(parts.query)
    database = query.get("db", ["0"])[0]
    password = f":{parts.password}@" if parts.password else ""
    return f"redis+socket://{password}{parts.path}?virtual_host={database}"


def make_app() -> Celery:
    """The app with its settings; a message that is lost costs a tick, so none is precious."""
    made = Celery("healer", broker=broker_url(settings.MESH_REDIS_URL), include=["healer.tasks"])
    made.conf.update(_settings())
    made.steps["worker"].add(Beat)
    return made


@setup_logging.connect(weak=False)  # type: ignore[untyped-decorator]
def keep_logging(**_: Any) -> None:
    """Log as the console does, without a line for every tick."""
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _settings() -> dict[str, Any]:
    return {
        "accept_content": ["json"],
        "task_serializer": "json",
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_default_queue": "tick",
        "task_publish_retry": False,
        "task_soft_time_limit": 20,
        "worker_prefetch_multiplier": 1,
        "worker_send_task_events": False,
        "worker_enable_remote_control": False,
        "worker_pool": "solo",
        "enable_utc": True,
        "timezone": "UTC",
        "beat_max_loop_interval": 1,
        "beat_schedule": SCHEDULE,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "visibility_timeout": 60,
            # Without these two a step of a killed worker comes back after 100 s, with them after 7.
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_timeout": None,
            "socket_connect_timeout": 5,
            "health_check_interval": 10,
            # Of the beat's sending; the worker waits for its broker by rules of its own.
            "max_retries": 1,
            "interval_start": 0.0,
            "interval_step": 0.2,
            "interval_max": 0.2,
            "global_keyprefix": "mesh:celery:",
        },
    }


app = make_app()
