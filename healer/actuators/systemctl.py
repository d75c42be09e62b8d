"""Units by systemctl, here or over somebody's shell: an invocation's id tells one start from the
next."""

from __future__ import annotations

from healer.actuators.commands import Overdue, Ran, Run
from healer.actuators.parts import Seen
from healer.actuators.protocol import AmbiguousResult, Check, NotNow, Refused

_PROPERTIES = "LoadState,ActiveState,SubState,InvocationID"
_CHANGING = frozenset({"activating", "deactivating", "reloading", "refreshing", "maintenance"})
_NO_RIGHT = ("access denied", "authentication is required", "authentication required",
             "a password is required", "permission denied")  # fmt: skip


class Systemctl:
    """A place of units."""

    def __init__(self, run: Run, where: str, before: tuple[str, ...] = ()) -> None:
        self._run = run
        self._where = where
        """`this machine`, for sentences."""
        self._before = before
        """Words such as `sudo -n` where changes need them."""

    def look(self, name: str, seconds: float) -> Seen:
        """Show the unit's state."""
        words = ("systemctl", "--no-pager", "show", f"--property={_PROPERTIES}", "--", name)
        try:
            ran = self._run(words, seconds)
        except Overdue as error:
            raise NotNow(str(error)) from None
        if ran.code:
            raise NotNow(f"systemctl of {self._where} does not show {name}: {ran.said}")
        shown = dict(line.split("=", 1) for line in ran.out.splitlines() if "=" in line)
        active = shown.get("ActiveState", "")
        if shown.get("LoadState") in ("not-found", "bad-setting", "error", "masked") or not active:
            return Seen(is_up=False, words=shown.get("LoadState", "not known"), is_gone=True)
        words_now = f"{active} ({shown.get('SubState', '')})"
        return Seen(
            is_up=active == "active",
            words=words_now,
            mark=shown.get("InvocationID", ""),
            is_changing=active in _CHANGING,
        )

    def restart(self, name: str, seconds: float) -> None:
        """A restart job; systemd carries it on when whoever asked is killed."""
        self._changed("restart", name, seconds)

    def stop(self, name: str, seconds: float) -> None:
        """A stop job."""
        self._changed("stop", name, seconds)

    def steps(self, name: str, *, is_removal: bool) -> tuple[str, ...]:
        """The command as it would be typed there."""
        verb = "stop" if is_removal else "restart"
        return (f"{self._where}: {' '.join(self._words(verb, name))}",)

    def checks(self, seconds: float) -> tuple[Check, ...]:
        """Whether the manager answers at all."""
        try:
            ran = self._run(("systemctl", "--no-pager", "show", "--property=Version"), seconds)
        except Overdue as error:
            return (Check("systemd", False, str(error)),)
        is_up = ran.code == 0 and ran.out.startswith("Version=")
        text = f"systemd of {self._where} answers." if is_up else f"systemctl says: {ran.said}"
        return (Check("systemd", is_up, text), *self._right(is_up, seconds))

    def _right(self, is_up: bool, seconds: float) -> tuple[Check, ...]:
        """Whether sudo lets us, which it tells without doing it."""
        if not is_up or not self._before:
            return ()
        try:
            ran = self._run((*self._before, "-l", "systemctl"), seconds)
        except Overdue as error:
            return (Check("sudo", False, str(error)),)
        text = "sudo allows systemctl." if ran.code == 0 else f"sudo says: {ran.said}"
        return (Check("sudo", ran.code == 0, text),)

    def _words(self, verb: str, name: str) -> tuple[str, ...]:
        return (*self._before, "systemctl", "--no-ask-password", verb, "--", name)

    def _changed(self, verb: str, name: str, seconds: float) -> None:
        try:
            ran = self._run(self._words(verb, name), seconds)
        except Overdue as error:
            raise AmbiguousResult(f"{verb} {name} on {self._where}: {error}") from None
        if ran.code and not _has_run(ran):
            text = f"systemd of {self._where} refuses to {verb} {name}: {ran.said}"
            if any(each in ran.err.lower() for each in _NO_RIGHT):
                text += " Let the healer's user manage this unit (polkit or sudo)."
            raise Refused(text)


def _has_run(ran: Ran) -> bool:
    """The job was carried out and the unit failed: its state tells more than the command."""
    return "Job for " in ran.err and " not found" not in ran.err
