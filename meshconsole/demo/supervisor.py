"""Keeps children running: restarts what crashes, says so, and ends all of them in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

from meshconsole.demo.child_logs import last_words, trim_log
from meshconsole.demo.children import Child, Process, exit_words, start
from proxy.aio import cancelled, spawn

BACKOFF_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
STEADY_SECONDS = 20.0
"""Having run this long, a child that ends is restarted as if for the first time."""
RENEWED_SECONDS = 10.0
"""A child that was ordered up has been started within this time."""
KILLED_SECONDS = 5.0
"""A killed child has ended within this time."""
READY_PAUSE_SECONDS = 0.05
LOG_LIMIT_BYTES = 20 * 1024 * 1024
LOG_CHECK_SECONDS = 15.0


class NotReady(Exception):
    """A child did not serve in time."""


class NoSuchChild(Exception):
    """No child has that name."""


class Post:
    """The place of one child, whoever fills it now."""

    def __init__(self, child: Child, process: Process) -> None:
        self.child = child
        self.process: Process | None = process
        self.keeper: asyncio.Task[None] | None = None
        self.is_held = False
        """It stays down until it is ordered up."""
        self.is_ordered = False
        """Its next start was asked for: no pause, and no crash."""
        self.is_closed = False
        self.woken = asyncio.Event()
        self.renewed = asyncio.Event()


class Supervisor:
    """Owns the children of one demo."""

    def __init__(
        self,
        logs: Path,
        *,
        say: Callable[[str], None],
        on_change: Callable[[], None] = lambda: None,
        backoff_seconds: tuple[float, ...] = BACKOFF_SECONDS,
    ) -> None:
        self._logs = logs
        self._say = say
        self._on_change = on_change
        self._backoff = backoff_seconds
        self._posts: dict[str, Post] = {}
        self._logs_task: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def processes(self) -> list[Process]:
        """The children running now, in the order they were first started."""
        return [post.process for post in self._posts.values() if post.process is not None]

    def running(self, name: str) -> Process | None:
        """The child of that name, None while it is down; raises NoSuchChild."""
        return self._post(name).process

    async def start(self, children: Iterable[Child]) -> None:
        """Start children side by side and keep them running."""
        await asyncio.gather(*(self._launch(child) for child in children))
        self._on_change()
        if self._logs_task is None:
            self._logs_task = spawn(self._trim_logs(), name="trim-logs")

    async def ready(self, children: Iterable[Child], timeout_seconds: float) -> None:
        """Wait until all of them serve; raises NotReady naming the first that does not."""
        await asyncio.gather(*(self._until_ready(child, timeout_seconds) for child in children))

    async def restart(self, name: str) -> Process:
        """End one child if it runs and start it anew; returns the new one.

        Raises NoSuchChild, and TimeoutError when it cannot be started.
        """
        post = self._post(name)
        post.is_ordered, post.is_held = True, False
        post.renewed.clear()
        post.woken.set()
        await self._end(post)
        await asyncio.wait_for(post.renewed.wait(), RENEWED_SECONDS)
        if post.process is None:
            raise TimeoutError(f"{name} ended as soon as it was started.")
        return post.process

    async def hold(self, name: str) -> None:
        """End one child by force and keep it down until it is restarted; raises NoSuchChild."""
        post = self._post(name)
        post.is_held, post.is_ordered = True, False
        post.woken.set()
        if post.process is not None:
            post.process.signal(signal.SIGKILL)
            await post.process.wait()

    async def close(self, name: str) -> None:
        """End one child for good; one that is not there is closed already."""
        post = self._posts.get(name)
        if post is None:
            return
        post.is_closed = True
        post.woken.set()
        await self._end(post)
        if post.keeper is not None:
            await asyncio.wait({post.keeper}, timeout=KILLED_SECONDS)
        self._posts.pop(name, None)
        self._on_change()

    async def stop(self) -> None:
        """End every child, the highest phase first; nothing is left when this returns."""
        self._stopping = True
        await cancelled(self._logs_task)
        for post in self._posts.values():
            post.woken.set()
        phases = sorted({each.child.phase for each in self.processes}, reverse=True)
        for phase in phases:
            ending = [each for each in self._posts.values() if each.child.phase == phase]
            await asyncio.gather(*(self._end(post) for post in ending))
        keepers = [post.keeper for post in self._posts.values() if post.keeper is not None]
        if keepers:  # one that is just starting a child ends it itself
            await asyncio.wait(keepers, timeout=KILLED_SECONDS)
        for keeper in keepers:
            await cancelled(keeper)

    def _post(self, name: str) -> Post:
        try:
            return self._posts[name]
        except KeyError:
            raise NoSuchChild(f"No process of the demo is called {name}.") from None

    async def _launch(self, child: Child) -> None:
        post = Post(child, await start(child, self._log_of(child)))
        self._posts[child.name] = post
        post.keeper = spawn(self._keep(post), name=f"keep-{child.name}")

    async def _end(self, post: Post) -> None:
        """Ask the one that fills this post now to end, and see to it that it does."""
        process = post.process
        if process is None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), post.child.stop_seconds)
        except TimeoutError:
            process.signal(signal.SIGKILL)
            await asyncio.wait_for(process.wait(), KILLED_SECONDS)

    async def _keep(self, post: Post) -> None:
        failures = 0
        loop = asyncio.get_running_loop()
        while post.process is not None:
            started = loop.time()
            code = await post.process.wait()
            post.process = None
            failures = 1 if loop.time() - started >= STEADY_SECONDS else failures + 1
            await self._again(post, exit_words(code), 0 if post.is_ordered else failures)

    async def _again(self, post: Post, ended: str, failures: int) -> None:
        """Start the child anew after its pause, unless it or all of them are ending."""
        while await self._waited(post, ended, failures):
            try:
                process = await start(post.child, self._log_of(post.child))
            except Exception as error:  # the next try may find the database or the disk again
                ended = f"could not be started: {error}"
                failures += 1
                post.is_ordered = False
                continue
            if self._is_over(post):
                process.signal(signal.SIGKILL)
                await process.wait()
                return
            post.process, post.is_ordered = process, False
            post.renewed.set()
            self._say(f"{post.child.name} runs again (pid {process.pid})")
            self._on_change()
            return

    async def _waited(self, post: Post, ended: str, failures: int) -> bool:
        """Sit out the pause before the next start; False when there is to be none."""
        if self._is_over(post):
            return False
        pause = self._backoff[min(max(failures, 1), len(self._backoff)) - 1]
        then = f"starting it again in {pause:g} s"
        if post.is_held:
            then = "it is held down until somebody orders it up"
        elif post.is_ordered:
            then = "starting it again as ordered"
        self._say(f"{post.child.name} ended ({ended}); {then}")
        if failures > 1 and (words := last_words(self._log_of(post.child))):
            self._say(f"  its last words: {words}")
        while not (post.is_ordered or self._is_over(post)):
            post.woken.clear()
            try:
                await asyncio.wait_for(post.woken.wait(), None if post.is_held else pause)
            except TimeoutError:
                if not post.is_held:
                    break
        return not self._is_over(post)

    def _is_over(self, post: Post) -> bool:
        return self._stopping or post.is_closed

    async def _until_ready(self, child: Child, timeout_seconds: float) -> None:
        if child.ready is None:
            return
        loop = asyncio.get_running_loop()
        ends = loop.time() + timeout_seconds
        while not await child.ready():
            if loop.time() > ends:
                log = self._log_of(child)
                raise NotReady(
                    f"{child.name} did not serve within {timeout_seconds:g} s: see {log}."
                )
            await asyncio.sleep(READY_PAUSE_SECONDS)

    def _log_of(self, child: Child) -> Path:
        return self._logs / f"{child.name}.log"

    async def _trim_logs(self) -> None:
        while True:
            await asyncio.sleep(LOG_CHECK_SECONDS)
            for name in list(self._posts):
                await asyncio.to_thread(trim_log, self._logs / f"{name}.log", LOG_LIMIT_BYTES)
