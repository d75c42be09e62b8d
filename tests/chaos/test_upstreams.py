"""Endpoints that are killed, started again and frozen under counted requests.

Whatever happens to one of three, each request has one honest end: its own answer, or a refusal that
says why. What may be repeated succeeds, for another endpoint lives; what may not is seen once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.counted import GETTING, POSTING, Load, in_flight, load, meshed, stats_of
from tests.chaos.ledgered import Application
from tests.integration.proxy.rig import run, until

RETRIES = 2


@contextmanager
def three(folder: Path) -> Iterator[list[Application]]:
    """Three endpoints of one service."""
    made: list[Application] = []
    try:
        made += (Application(folder) for _ in range(3))
        yield made
    finally:
        for application in made:
            application.kill()


def reckoned(under: Load, applications: list[Application]) -> Counter[str]:
    """Hold what was heard against what was seen; the flags of requests that were refused."""
    seen = sum((application.seen for application in applications), Counter[str]())
    refused: Counter[str] = Counter()
    assert set(seen) <= set(under.said)
    for path, said in under.said.items():
        assert said.whole, (path, said)
        if path.startswith("/get/"):
            assert (said.status, said.body) == (200, b"GET %b " % path.encode()), (path, said)
            assert 1 <= seen[path] <= 1 + RETRIES, path
        elif said.is_refusal:
            assert said.status >= 500, (path, said)
            assert seen[path] <= 1, path
            refused[said.flag] += 1
        else:
            body = b"POST %b %b" % (path.encode(), path.encode())
            assert (said.status, said.body) == (200, body), (path, said)
            assert seen[path] == 1, path
    return refused


async def serves_again(under: Load, application: Application) -> None:
    """Wait until it is asked for what nobody had asked for yet."""
    n = max(int(path.rpartition("/")[2]) for path in under.said)
    await until(lambda: any(int(path.rpartition("/")[2]) > n + 50 for path in application.seen))


def test_an_endpoint_that_is_killed_and_comes_back_loses_only_what_it_held(tmp_path: Path) -> None:
    async def scene() -> None:
        with (
            three(tmp_path) as applications,
            meshed(tmp_path, *(one.port for one in applications)) as running,
        ):
            victim = applications[1]
            async with load(running) as under:
                await under.more(10)
                for _ in range(2):
                    victim.freeze()
                    await until(lambda: in_flight(running, victim.port) == GETTING + POSTING)
                    victim.kill()
                    await under.more(30)
                    victim.start()
                    await serves_again(under, victim)
                victim.kill()  # wherever it is
                await under.more(30)
                victim.start()
                await serves_again(under, victim)
            refused = reckoned(under, applications)
            assert set(refused) == {"UC"}
            assert 2 * POSTING <= refused["UC"] <= 3 * POSTING
            door = stats_of(running).door
            assert door.refusals == refused
            assert door.retries_refused == 0

    run(scene())


def test_an_endpoint_that_freezes_and_thaws_answers_nobody_late(tmp_path: Path) -> None:
    async def scene() -> None:
        with (
            three(tmp_path) as applications,
            meshed(
                tmp_path,
                *(one.port for one in applications),
                request_timeout_seconds=2.0,
                try_timeout_seconds=0.2,
            ) as running,
        ):
            victim = applications[0]
            async with load(running) as under:
                await under.more(10)
                victim.freeze()
                await until(lambda: under.refusals >= POSTING)
                victim.thaw()
                await serves_again(under, victim)
                await under.more(30)
            refused = reckoned(under, applications)
            assert set(refused) == {"UT"}
            assert stats_of(running).door.refusals == refused

    run(scene())
