"""The weights drill, small: counted at the origins, nothing is lost and nothing comes twice."""

from __future__ import annotations

from meshconsole.drill import weights
from meshconsole.drill.stage import Scale, Stage
from tests.harness.demo import in_step


def test_weights_move_under_counted_load_without_loss(stage: Stage) -> None:
    in_step(stage)
    before = stage.console.get("/api/v1/routes/order")
    figures = weights.run(stage, Scale(requests=4000, changes=3, concurrency=8, rate=400.0))
    values = figures.values
    assert (values["failed"], values["lost"], values["repeated"]) == (0, 0, 0), values
    assert values["changes"] == 3
    assert abs(float(str(values["final_percent"])) - weights.LAST_SPLIT[0]) < 10, values
    now = stage.console.get("/api/v1/routes/order")["version"]
    stage.console.put(
        "/api/v1/routes/order", {"split": before["split"], "reason": "as before"}, version=now
    )
