"""Programs of a supervisord, by XML-RPC over its Unix socket, or http(s) with a password."""

from __future__ import annotations

import base64
import time
import xmlrpc.client
from typing import Any, cast
from xml.parsers.expat import ExpatError

from healer.actuators.parts import PartsActuator, Seen
from healer.actuators.protocol import Check, NotNow, Refused
from healer.actuators.surroundings import Surroundings
from healer.actuators.web import Web, web_at, web_at_socket
from meshconsole.healing.guards.actuator_settings import SupervisorSettings

_BAD_NAME, _SHUTDOWN, _NOT_RUNNING, _ALREADY_STARTED = 10, 6, 70, 60
_FAILED_START = frozenset({40, 50})
"""Abnormal termination and spawn error: it was started, and its state tells more."""
_CHANGING = frozenset({"STARTING", "STOPPING", "BACKOFF"})
_DOWN = frozenset({"STOPPED", "EXITED", "FATAL", "UNKNOWN"})
YOUNG_SECONDS = 2
"""supervisord tells starts apart by whole seconds: what is younger is not restarted yet."""


def supervisor(settings: SupervisorSettings, around: Surroundings) -> PartsActuator:
    """The actuator of a supervisord's programs."""
    place = Supervisord(settings, around)
    return PartsActuator(
        "supervisor", lambda _: place, process=settings.process, sidecar=settings.sidecar
    )


class Fault(Exception):
    """supervisord's own refusal."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Supervisord:
    """What of its interface is used: getProcessInfo, startProcess, stopProcess, getState."""

    def __init__(self, settings: SupervisorSettings, around: Surroundings) -> None:
        self._settings = settings
        self._around = around

    def look(self, name: str, seconds: float) -> Seen:
        """The program's state."""
        try:
            info = self._info(name, seconds)
        except Fault as fault:
            if fault.code == _BAD_NAME:
                return Seen(is_up=False, words="not there", is_gone=True)
            raise _later(fault) from None
        state, started = str(info["statename"]), int(info["start"])
        return Seen(
            is_up=state == "RUNNING",
            words=state,
            mark=str(started) if started else "",
            started_at=float(started),
            is_changing=state in _CHANGING,
        )

    def restart(self, name: str, seconds: float) -> None:
        """Stop it if it runs, then start it; whoever was killed in between finds it stopped."""
        ends = time.monotonic() + seconds
        try:
            info = self._info(name, seconds)
            if int(info["now"]) - int(info["start"]) < YOUNG_SECONDS:
                raise NotNow(f"{name} was started a moment ago: try again.", YOUNG_SECONDS)
            if info["statename"] not in _DOWN:
                self._changed("stopProcess", name, seconds, unless=_NOT_RUNNING)
            left = max(0.1, ends - time.monotonic())
            self._changed("startProcess", name, left, unless=_ALREADY_STARTED)
        except Fault as fault:
            if fault.code not in _FAILED_START:
                raise _refused("restart", name, fault) from None

    def stop(self, name: str, seconds: float) -> None:
        """Stop it: supervisord starts no program again that was stopped by word."""
        try:
            self._changed("stopProcess", name, seconds, unless=_NOT_RUNNING)
        except Fault as fault:
            raise _refused("stop", name, fault) from None

    def steps(self, name: str, *, is_removal: bool) -> tuple[str, ...]:
        """The calls."""
        start = () if is_removal else (f"supervisor.startProcess({name})",)
        return (f"supervisor.stopProcess({name})", *start)

    def checks(self, seconds: float) -> tuple[Check, ...]:
        """Whether it answers, with this user and password."""
        try:
            state = cast("dict[str, Any]", self._called("getState", (), seconds))
        except Fault as fault:
            return (Check("supervisord", False, f"supervisord says: {fault}."),)
        is_up = state.get("statename") == "RUNNING"
        return (Check("supervisord", is_up, f"supervisord is {state.get('statename')}."),)

    def _info(self, name: str, seconds: float) -> dict[str, Any]:
        info = self._called("getProcessInfo", (name,), seconds)
        if not isinstance(info, dict) or not {"statename", "start", "now"} <= info.keys():
            raise NotNow("supervisord answers in a form that is not known.")
        return info

    def _changed(self, verb: str, name: str, seconds: float, *, unless: int) -> None:
        try:
            self._called(verb, (name, True), seconds, is_question=False)
        except Fault as fault:
            if fault.code != unless:
                raise

    def _called(
        self, verb: str, words: tuple[Any, ...], seconds: float, *, is_question: bool = True
    ) -> object:
        web, path = self._web()
        headers = {"content-type": "text/xml", **self._password()}
        body = xmlrpc.client.dumps(words, f"supervisor.{verb}").encode()
        reply = web.call(
            "POST", path, seconds=seconds, headers=headers, content=body, is_question=is_question
        )
        if reply.status == 401:
            raise Refused("supervisord does not take the user and password of the settings.")
        if reply.status != 200:
            raise NotNow(f"supervisord answers with status {reply.status} to supervisor.{verb}.")
        try:
            (answer,), _ = xmlrpc.client.loads(reply.body.decode(errors="replace"))
        except xmlrpc.client.Fault as fault:
            raise Fault(int(fault.faultCode), str(fault.faultString)[:300]) from None
        except (ExpatError, ValueError, xmlrpc.client.Error):
            raise NotNow("supervisord answers in a form that is not known.") from None
        return answer

    def _web(self) -> tuple[Web, str]:
        settings, around = self._settings, self._around
        if settings.url:
            ca = around.secret_path(settings.ca) if settings.ca else None
            path = "/" + settings.url.split("://", 1)[1].partition("/")[2]
            return web_at("supervisord", settings.url, around, ca=ca), path.replace("//", "/")
        if around.supervisor_socket is None:
            raise Refused(
                "This healer has no supervisord: set MESH_SUPERVISOR_SOCKET to its socket, or "
                "`url` in the settings."
            )
        return web_at_socket("supervisord", around.supervisor_socket), "/RPC2"

    def _password(self) -> dict[str, str]:
        settings = self._settings
        if not settings.user:
            return {}
        secret = self._around.secret(settings.password) if settings.password else ""
        packed = base64.b64encode(f"{settings.user}:{secret}".encode()).decode()
        return {"authorization": f"Basic {packed}"}


def _later(fault: Fault) -> NotNow:
    return NotNow(f"supervisord does not tell now: {fault}.")


def _refused(verb: str, name: str, fault: Fault) -> Exception:
    text = f"supervisord refuses to {verb} {name}: {fault}."
    return NotNow(text) if fault.code == _SHUTDOWN else Refused(text)
