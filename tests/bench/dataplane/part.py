"""The part `proxies` of the bench: chosen cases, one after the other, on one stand."""

from __future__ import annotations

import msgspec

from tests.bench.dataplane.cases import CASES, Case
from tests.bench.dataplane.contenders.installed import PEERS, contenders, missing
from tests.bench.dataplane.contenders.ours import has_flag, ours
from tests.bench.dataplane.latency import half_load
from tests.bench.dataplane.memory import memory, slope
from tests.bench.dataplane.rounds import interleaved
from tests.bench.dataplane.stand import Stand, stand
from tests.bench.dataplane.verdict import figures
from tests.bench.table import Figure

OTHERS = ("latency", "memory", "slope")
KEYS = (*(case.key for case in CASES), *OTHERS)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What of it, and how long."""

    cases: tuple[str, ...] = KEYS
    peers: tuple[str, ...] = PEERS
    rounds: int = 3
    seconds: int = 3
    """Of each run."""


def proxies(options: Options) -> list[Figure]:
    """CPU per request and ratios for each case, latency and memory."""
    base = missing(("nginx", "taskset"))
    if base:
        return [_untold(sentence) for sentence in base]
    found = [_untold(sentence) for sentence in missing(options.peers)]
    if not has_flag("--snapshot"):
        found.append(_untold("ours runs with one fixed upstream instead of 1,000 routes"))
    with stand() as place:
        for key in options.cases:
            found += _measured(place, key, options)
    return found


def _measured(place: Stand, key: str, options: Options) -> list[Figure]:
    everyone = contenders(options.peers)
    if key == "latency":
        return half_load(place, everyone, options.rounds, options.seconds)
    if key == "memory":
        return memory(place, everyone)
    if key == "slope":
        return slope(place, ours)
    return _case(place, next(case for case in CASES if case.key == key), options)


def _case(place: Stand, case: Case, options: Options) -> list[Figure]:
    lacking = missing(case.needs)
    if lacking:
        return [_untold(f"{case.title}: {sentence}") for sentence in lacking]
    everyone = contenders(options.peers)
    return figures(case, interleaved(place, case, everyone, options.rounds, options.seconds))


def _untold(sentence: str) -> Figure:
    return Figure(name="not measured", value=0, unit="", note=sentence)
