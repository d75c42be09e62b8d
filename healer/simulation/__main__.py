"""`python -m healer.simulation --seeds 100`: many meshes, one line of figures last."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from healer.simulation.running import HOURS, Result, run


def main() -> int:
    """Exit 1 when anything was violated."""
    parser = argparse.ArgumentParser(prog="python -m healer.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many meshes")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--hours", type=float, default=HOURS, help="simulated, of each")
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    total: Counter[str] = Counter()
    states: Counter[str] = Counter()
    violations: Counter[str] = Counter()
    for result in _results(given.first, given.seeds, given.hours, given.processes):
        for line in result.named:
            print(f"seed {result.seed}: {line}", flush=True)
        total.update(
            seeds=1,
            cases=result.cases,
            actions=result.actions,
            unasked=result.unasked,
            decisions=result.decisions,
            votes_refused=result.votes_refused,
            doubled=result.doubled,
        )
        states.update(result.states)
        violations.update(result.violations)
    figures = {**total, "states": dict(states), "violations": dict(violations)}
    print(json.dumps(figures))
    return 1 if violations or total["doubled"] else 0


def _results(first: int, seeds: int, hours: float, processes: int) -> list[Result]:
    numbers = range(first, first + seeds)
    one = partial(run, hours=hours)
    if processes <= 1:
        return [one(number) for number in numbers]
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(one, numbers))


if __name__ == "__main__":
    sys.exit(main())
