"""Who forges reports by the thousand is sent away; a neighbour's are kept, and nothing is done."""

from __future__ import annotations

import json
import subprocess
import sys


def test_a_flood_of_forged_reports_moves_nothing_and_holds_up_nobody() -> None:
    out = subprocess.run(
        [sys.executable, "-m", "tests.bench.flood", "--seconds", "8", "--rate", "5000"],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=150,
    ).stdout
    told = json.loads(out.splitlines()[-1])
    assert told["actions"] == 0
    assert told["times_sent_away"] > 0
    assert told["forged_stored"] < told["forged_sent"]
    assert told["honest_reports"] > 0
