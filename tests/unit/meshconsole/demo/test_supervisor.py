"""What crashes comes back, what is stopped stays stopped, and nothing outlives its supervisor."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from meshconsole.demo.children import Child, exit_words
from meshconsole.demo.supervisor import NoSuchChild, NotReady, Supervisor
from tests.harness.wait import eventually, eventually_async

SLEEPER = "import signal; print('up', flush=True); signal.pause()"
STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True);"
    "\nwhile True: signal.pause()"
)


def child(name: str, code: str = SLEEPER, *, phase: int = 0) -> Child:
    return Child(name=name, argv=(sys.executable, "-c", code), phase=phase)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def said_by(folder: Path, name: str) -> list[str]:
    log = folder / f"{name}.log"
    return log.read_text().split() if log.exists() else []


async def up(folder: Path, *names: str) -> None:
    async def all_up() -> bool:
        return all("up" in said_by(folder, name) for name in names)

    await eventually_async(all_up, what=f"{names} run")


async def test_a_child_that_is_killed_is_restarted_and_said(tmp_path: Path) -> None:
    said: list[str] = []
    changes: list[int] = []
    keep = Supervisor(
        tmp_path, say=said.append, on_change=lambda: changes.append(1), backoff_seconds=(0.01,)
    )
    await keep.start([child("shop")])
    first = keep.processes[0].pid
    os.kill(first, signal.SIGKILL)

    async def again() -> bool:
        return bool(keep.processes) and keep.processes[0].pid != first

    await eventually_async(again)
    assert said[0] == "shop ended (signal SIGKILL); starting it again in 0.01 s"
    assert said[1].startswith("shop runs again (pid ")
    assert changes
    await keep.stop()


async def test_a_child_that_keeps_crashing_waits_longer_each_time(tmp_path: Path) -> None:
    said: list[str] = []
    keep = Supervisor(tmp_path, say=said.append, backoff_seconds=(0.001, 0.002, 0.003))
    await keep.start([child("shop", "print('no stock left'); raise SystemExit(3)")])

    async def four() -> bool:
        return sum(" ended (" in line for line in said) >= 4

    await eventually_async(four)
    await keep.stop()
    pauses = [line.split(" in ")[1] for line in said if " ended (" in line][:4]
    assert pauses == ["0.001 s", "0.002 s", "0.003 s", "0.003 s"]
    assert "exit code 3" in said[0]
    assert "  its last words: no stock left" in said


async def test_stopping_ends_every_child_the_highest_phase_first(tmp_path: Path) -> None:
    told = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: (print('end %f' % "
    told += "time.monotonic(), flush=True), exit(0))); print('up', flush=True); signal.pause()"
    keep = Supervisor(tmp_path, say=lambda line: None)
    await keep.start([child("store", told, phase=0), child("load", told, phase=5)])
    await up(tmp_path, "store", "load")
    pids = [each.pid for each in keep.processes]
    await keep.stop()
    ends = {
        name: float((tmp_path / f"{name}.log").read_text().split()[-1])
        for name in ("store", "load")
    }
    assert ends["load"] < ends["store"]
    assert not any(alive(pid) for pid in pids)


async def test_a_child_that_will_not_end_is_killed(tmp_path: Path) -> None:
    keep = Supervisor(tmp_path, say=lambda line: None)
    stubborn = Child(name="stubborn", argv=(sys.executable, "-c", STUBBORN), stop_seconds=0.1)
    await keep.start([stubborn])
    await up(tmp_path, "stubborn")
    pid = keep.processes[0].pid
    await keep.stop()
    assert not alive(pid)


async def test_a_child_waiting_to_be_restarted_is_not_started_after_stop(tmp_path: Path) -> None:
    said: list[str] = []
    keep = Supervisor(tmp_path, say=said.append, backoff_seconds=(60.0,))
    await keep.start([child("shop", "raise SystemExit(1)")])

    async def ended() -> bool:
        return bool(said)

    await eventually_async(ended)
    await asyncio.wait_for(keep.stop(), 10)
    assert keep.processes == []


async def test_what_a_child_started_itself_ends_with_it(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, signal\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
        "print('up', p.pid, flush=True); signal.pause()"
    )
    keep = Supervisor(tmp_path, say=lambda line: None)
    await keep.start([child("parent", code)])
    await up(tmp_path, "parent")
    grandchild = int(said_by(tmp_path, "parent")[-1])
    await keep.stop()
    eventually(lambda: not alive(grandchild))


async def test_a_child_that_never_serves_is_named_with_its_log(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    keep = Supervisor(tmp_path, say=lambda line: None)
    waiting = Child(name="mute", argv=(sys.executable, "-c", SLEEPER), ready=never)
    await keep.start([waiting])
    with pytest.raises(NotReady, match=r"mute did not serve within 0\.1 s: see .*mute\.log"):
        await keep.ready([waiting], 0.1)
    await keep.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux's")
def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    code = f"""
import asyncio, sys
from pathlib import Path
from meshconsole.demo.children import Child
from meshconsole.demo.supervisor import Supervisor
async def main():
    keep = Supervisor(Path({str(tmp_path)!r}), say=print)
    await keep.start([Child(name="c", argv=(sys.executable, "-c", {SLEEPER!r}))])
    print(keep.processes[0].pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        assert alive(pid)
        supervisor.kill()
    eventually(lambda: not alive(pid), what="the child is gone")


def test_exit_codes_are_said_in_words() -> None:
    assert exit_words(0) == "exit code 0"
    assert exit_words(-9) == "signal SIGKILL"
    assert exit_words(-255) == "signal 255"


async def test_a_restart_that_is_ordered_comes_at_once_and_is_no_crash(tmp_path: Path) -> None:
    said: list[str] = []
    keep = Supervisor(tmp_path, say=said.append, backoff_seconds=(60.0,))
    await keep.start([child("shop")])
    first = keep.processes[0].pid
    fresh = await asyncio.wait_for(keep.restart("shop"), 20)
    assert fresh.pid != first
    assert not alive(first)
    assert said[0].endswith("starting it again as ordered")
    await keep.stop()


async def test_a_restart_ends_the_pause_of_one_that_crashed(tmp_path: Path) -> None:
    said: list[str] = []
    keep = Supervisor(tmp_path, say=said.append, backoff_seconds=(60.0,))
    await keep.start([child("shop")])
    os.kill(keep.processes[0].pid, signal.SIGKILL)

    async def waits() -> bool:
        return bool(said)

    await eventually_async(waits)
    fresh = await asyncio.wait_for(keep.restart("shop"), 20)
    assert keep.running("shop") == fresh
    await keep.stop()


async def test_what_is_held_stays_down_until_it_is_ordered_up(tmp_path: Path) -> None:
    said: list[str] = []
    keep = Supervisor(tmp_path, say=said.append, backoff_seconds=(0.001,))
    await keep.start([child("shop")])
    await keep.hold("shop")

    async def told() -> bool:
        return bool(said)

    await eventually_async(told)
    assert said == ["shop ended (signal SIGKILL); it is held down until somebody orders it up"]
    assert keep.running("shop") is None
    await asyncio.wait_for(keep.restart("shop"), 20)
    assert keep.running("shop") is not None
    await keep.hold("shop")
    await asyncio.wait_for(keep.stop(), 10)


async def test_what_is_closed_is_gone_and_not_started_again(tmp_path: Path) -> None:
    changes: list[int] = []
    keep = Supervisor(
        tmp_path,
        say=lambda line: None,
        on_change=lambda: changes.append(len(keep.processes)),
        backoff_seconds=(0.001,),
    )
    await keep.start([child("shop"), child("stock")])
    pid = keep.processes[0].pid
    await keep.close("shop")
    await keep.close("shop")
    assert not alive(pid)
    assert [each.child.name for each in keep.processes] == ["stock"]
    assert changes == [2, 1]
    with pytest.raises(NoSuchChild, match="No process of the demo is called shop"):
        await keep.restart("shop")
    await keep.stop()


async def test_one_that_cannot_be_started_is_said_and_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshconsole.demo.supervisor.RENEWED_SECONDS", 0.2)
    program = tmp_path / "program"
    program.symlink_to(sys.executable)
    keep = Supervisor(tmp_path, say=lambda line: None, backoff_seconds=(60.0,))
    await keep.start([Child(name="shop", argv=(str(program), "-c", SLEEPER))])
    program.unlink()
    with pytest.raises(TimeoutError):
        await keep.restart("shop")
    await asyncio.wait_for(keep.stop(), 10)
