"""Ejection by real processes: an endpoint at which nobody answers, and how it comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from proxy.contract.digest import canonical
from proxy.contract.snapshot import Endpoint, HealingMode, HealingTerms, Service, Snapshot
from tests.harness.wait import eventually
from tests.integration.proxy.processes import Running, alone, free_port, origin_server


def a_snapshot(*places: str, mode: HealingMode, **given: Any) -> Snapshot:
    return Snapshot(
        service={
            "stock": Service(
                name="stock",
                endpoints=tuple(
                    Endpoint(id=f"s{at}", addr=place, group="g", unit="u")
                    for at, place in enumerate(places, 1)
                ),
                groups=("g",),
            )
        },
        healing={"stock": HealingTerms(name="stock", mode=mode, **given)},
    )


@contextmanager
def served(
    tmp_path: Path, n: int, *flags: str, mode: HealingMode = "eject", **given: Any
) -> Iterator[tuple[Running, Path, list[str]]]:
    """A proxy in front of n origins and one place where nobody listens, which is `s1`."""
    with ExitStack() as stack:
        places = [f"127.0.0.1:{free_port()}"]
        places += [stack.enter_context(origin_server()).address for _ in range(n)]
        file = tmp_path / "mesh.json"
        file.write_bytes(canonical(a_snapshot(*places, mode=mode, **given)))
        proxy = stack.enter_context(alone("--snapshot", str(file), *flags))
        yield proxy, file, places


def shown(proxy: Running, page: str = "/config") -> list[dict[str, Any]]:
    said: dict[str, Any] = json.loads(proxy.ask_admin(page)[1])
    return list(said["ejections"])


def ask(proxy: Running, times: int) -> list[int]:
    return [proxy.get("/", host="stock")[0] for _ in range(times)]


@pytest.mark.parametrize("flags", [(), ("--workers", "2")])
def test_an_endpoint_that_nobody_answers_at_is_ejected_and_no_request_fails(
    tmp_path: Path, flags: tuple[str, ...]
) -> None:
    with served(tmp_path, 2, *flags) as (proxy, _, places):

        def is_out() -> bool:
            assert set(ask(proxy, 10)) == {200}
            return bool(shown(proxy))

        eventually(is_out, timeout=20)
        (said,) = shown(proxy)
        assert (said["instance"], said["address"]) == ("s1", places[0])
        assert said["rule"] in ("consecutive", "error_rate")
        assert said.get("state", "ejected") == "ejected"
        metrics = proxy.ask_admin("/metrics")[1].decode()
        assert "meshproxy_upstream_ejections_total" in metrics
        assert 'state="ejected",mode="eject"} 1' in metrics


def test_in_the_mode_report_it_is_told_and_still_asked(tmp_path: Path) -> None:
    with served(tmp_path, 2, mode="report") as (proxy, _, _):

        def is_told() -> bool:
            assert set(ask(proxy, 10)) == {200}
            return bool(shown(proxy))

        eventually(is_told, timeout=20)
        listeners = json.loads(proxy.ask_admin("/stats")[1])["listeners"]
        assert {one["share"] for one in listeners["listen"]["endpoints"]} == {1.0}


def test_it_returns_when_somebody_answers_there_again(tmp_path: Path) -> None:
    quick: dict[str, Any] = {
        "base_seconds": 1.0,
        "max_seconds": 1.0,
        "probes": 2,
        "slow_start_seconds": 0.5,
    }
    with served(tmp_path, 2, mode="eject", **quick) as (proxy, _, places):

        def is_out() -> bool:
            ask(proxy, 5)
            return bool(shown(proxy))

        eventually(is_out, timeout=20)
        port = int(places[0].rpartition(":")[2])
        with origin_server(port) as origin:

            def is_back() -> bool:
                assert set(ask(proxy, 5)) == {200}
                return not shown(proxy)

            eventually(is_back, timeout=20)
            before = len(origin.seen)
            ask(proxy, 9)
            assert len(origin.seen) > before
