"""The demo's supervisor: its socket takes orders by key and fence, and its log keeps each once."""

from __future__ import annotations

from healer.actuators.names import order_check
from healer.actuators.protocol import (
    ACTIONS,
    Action,
    AmbiguousResult,
    Check,
    Finding,
    NotNow,
    Order,
    PlanText,
    Refused,
    StaleFence,
    Status,
    finding,
)
from healer.actuators.surroundings import Surroundings
from meshconsole.healing.guards.actuator_settings import ProcessSettings
from meshconsole.healing.guards.supervision import Answer, Ask, NoAnswer, NotSent, asked

_PARTS: dict[Action, str] = {
    "restart_sidecar": "the sidecar",
    "restart_process": "the application's process",
    "restart_host": "the sidecar and the application's process",
    "remove": "the application's process and its sidecar for good",
}


class ProcessActuator:
    """Restarts children of the demo's supervisor, or removes an instance and gets another."""

    name = "process"
    actions: frozenset[Action] = frozenset(ACTIONS)

    def __init__(self, _settings: ProcessSettings, around: Surroundings) -> None:
        self._socket = around.process_socket

    def plan(self, order: Order) -> PlanText:
        """One order to the supervisor."""
        order_check(order, self.actions)
        verb = "End" if order.action == "remove" else "Restart"
        instance = order.target.instance
        steps = [f"supervisor: {order.action} {instance}"]
        if order.action == "remove":
            steps.append(f"supervisor: start a replacement of {instance}")
        return PlanText(summary=f"{verb} {_PARTS[order.action]} of {instance}.", steps=tuple(steps))

    def dry_run(self, order: Order) -> Finding:
        """Ask the supervisor what runs of the instance."""
        order_check(order, self.actions)
        try:
            answer = self._asked(Ask(verb="look", instance=order.target.instance), order)
        except (NotNow, AmbiguousResult, Refused) as error:
            return finding((Check("supervisor", False, str(error)),))
        parts = ", ".join(f"{part} {mark}" for part, mark in sorted(answer.parts.items()))
        checks = (
            Check("supervisor", True, "The supervisor answers."),
            Check("instance", True, f"It keeps {parts or 'it, and none of its parts runs'}."),
        )
        return finding(checks, before=parts)

    def execute(self, order: Order) -> Status:
        """Give the order; the supervisor does it unless it knows the key."""
        return self._status(order, "order")

    def status(self, order: Order) -> Status:
        """Ask for the key; this shuts out every lower fence from now on."""
        return self._status(order, "status")

    def _status(self, order: Order, verb: str) -> Status:
        order_check(order, self.actions)
        ask = Ask(
            verb="order" if verb == "order" else "status",
            instance=order.target.instance,
            key=order.key,
            fence=order.fence,
            action=order.action,
        )
        answer = self._asked(ask, order)
        return Status(
            state=answer.state,
            detail=answer.detail,
            effects=answer.effects,
            evidence=answer.parts
            | ({"replacement": answer.replacement} if answer.replacement else {}),
            replacement="started" if answer.replacement and answer.state == "done" else "",
        )

    def _asked(self, ask: Ask, order: Order) -> Answer:
        if self._socket is None:
            raise Refused(
                "This healer has no supervisor: set MESH_PROCESS_SOCKET to its socket, or choose "
                "another actuator."
            )
        try:
            answer = asked(self._socket, ask, order.deadline_seconds)
        except NotSent as error:
            raise NotNow(str(error)) from None
        except NoAnswer as error:
            if ask.verb != "order":
                raise NotNow(str(error)) from None
            raise AmbiguousResult(f"{error} Ask for the status of {order.key}.") from None
        match answer.problem:
            case "":
                return answer
            case "stale_fence":
                raise StaleFence(answer.detail)
            case "busy":
                raise NotNow(answer.detail)
        raise Refused(answer.detail)
