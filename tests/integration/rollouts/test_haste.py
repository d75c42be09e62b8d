"""Haste outside of a demo: a second person is asked, and what callers need is not made shorter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from meshconsole.encryption.services import mode_default_set
from meshconsole.rollouts.planning import Preview, preview_of, rollout_of
from tests.harness.rollouts import Mesh

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

pytestmark = pytest.mark.django_db


def preview(mesh: Mesh, kind: str = "route_table", **spec: Any) -> Preview:
    given = {"split": {"Group_1": 50, "Group_2": 50}} if kind == "route_table" else {}
    return preview_of(rollout_of(kind, "order", given | spec), mesh.now)


@pytest.mark.parametrize(
    ("spec", "approval"),
    [
        ({}, ""),
        ({"soak_scale": 0.5, "min_requests": 100}, ""),
        ({"soak_scale": 0.49}, "It is hasty: its soaks are scaled by 0.49."),
        ({"min_requests": 99}, "It judges by few requests: 99 are enough for it."),
    ],
)
def test_haste_asks_a_second_person_and_says_why(
    mesh: Mesh, settings: Settings, spec: dict[str, Any], approval: str
) -> None:
    settings.MESH_DEMO = False
    assert preview(mesh, **spec).approval == approval
    settings.MESH_DEMO = True
    assert preview(mesh, **spec).approval == ""


def test_the_time_in_which_callers_leave_tls_is_as_long_in_haste(
    mesh: Mesh, settings: Settings
) -> None:
    mode_default_set("order", "preferred", actor="ann", reason="", force=True)
    holds = {}
    for is_demo in (False, True):
        settings.MESH_DEMO = is_demo
        waves = preview(mesh, "tls_mode", to="plaintext", soak_scale=0.1).waves
        holds[is_demo] = [wave["hold_seconds"] for wave in waves if wave["hold_seconds"]]
    assert holds == {False: [600.0], True: [60.0]}
