"""The beat as a thread of the worker: one process ticks and does, with or without its broker."""

from __future__ import annotations

import logging
import time
from typing import Any

from celery import bootsteps
from celery.beat import EmbeddedService, ScheduleEntry, Scheduler, SchedulingError
from celery.signals import task_prerun
from django.db import close_old_connections

logger = logging.getLogger(__name__)

LATE_PERIODS = 3
_started_at: dict[str, float] = {}


@task_prerun.connect(weak=False)  # type: ignore[untyped-decorator]
def note_start(task: Any = None, **_: Any) -> None:
    """Remember when this process last began a step."""
    _started_at[task.name] = time.monotonic()


class PatientScheduler(Scheduler):  # type: ignore[misc]
    """Sends what is due, and does itself what this worker was not given for a while.

    The database is the timer and a message only a hint: while Redis is away, and while the worker
    backs off from it, due rows are moved on all the same.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._since = time.monotonic()
        self._is_broker_away = False
        super().__init__(*args, **kwargs)

    def _ensure_connected(self) -> Any:
        return self.connection

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        """Send one entry; a broker that is away is said once, and never waited for."""
        try:
            self.apply_async(entry, producer=producer, advance=False)
        except SchedulingError as error:
            if not self._is_broker_away:
                logger.warning("broker is away", extra={"error": str(error.__cause__ or error)})
            self._is_broker_away = True
        else:
            self._is_broker_away = False
        if self._is_late(entry):
            _do(self.app.tasks[entry.task])

    def _is_late(self, entry: ScheduleEntry) -> bool:
        period: float = entry.schedule.run_every.total_seconds()
        last = _started_at.get(entry.task, self._since)
        return time.monotonic() - last > LATE_PERIODS * period


class Beat(bootsteps.StartStopStep):  # type: ignore[misc]
    """Begins and ends with the worker. Several healers each have one; their ticks are harmless."""

    requires = {"celery.worker.components:Pool"}

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._service: Any = None

    def start(self, worker: Any) -> None:
        """Begin to send what is due."""
        self._service = EmbeddedService(worker.app, thread=True, scheduler_cls=PatientScheduler)
        self._service.start()

    def stop(self, worker: Any) -> None:
        """Send nothing more."""
        if self._service is not None:
            self._service.stop()
            self._service = None


def _do(task: Any) -> None:
    _started_at[task.name] = time.monotonic()
    close_old_connections()
    try:
        task()
    except Exception:  # whatever failed, the next second tries again
        logger.exception("step failed", extra={"step": task.name})
