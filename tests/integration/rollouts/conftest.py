"""Nine instances of an application in two groups and three units, and their sidecars' word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.factories import an_instance
from tests.harness.rollouts import Mesh

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings


@pytest.fixture
def mesh(db: None, mesh_redis: str, settings: Settings) -> Mesh:
    """Group_1 has six instances, Group_2 three; in a demo, which may make every wait short."""
    settings.MESH_DEMO = True
    names = []
    for number in range(9):
        name = f"order-{number + 1}"
        unit, group = f"unit{number % 3 + 1}", "Group_2" if number >= 6 else "Group_1"
        an_instance(name, unit=unit, group=group)
        names.append(name)
    made = Mesh(names)
    made.begin()
    return made
