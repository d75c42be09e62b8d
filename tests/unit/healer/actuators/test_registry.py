"""A name and a document become an actuator, or a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from healer.actuators.protocol import Order, Target
from healer.actuators.registry import MAKERS, build
from healer.actuators.surroundings import Surroundings
from meshconsole.healing.guards.actuator_settings import KINDS, SettingsWrong


def test_every_maker_has_its_settings() -> None:
    assert set(MAKERS) == set(KINDS)


DOCUMENTS: dict[str, dict[str, object]] = {
    "systemd": {"process": "{instance}.service"},
    "kubernetes": {"namespace": "shop"},
    "webhook": {"url": "https://hooks.example.com/heal", "secret": "hook"},
    "ssh": {"user": "mesh", "key": "key", "known_hosts": "hosts", "process": "{instance}.service"},
}


@pytest.mark.parametrize("name", KINDS)
def test_each_becomes_an_actuator_that_says_what_it_would_do(name: str, tmp_path: Path) -> None:
    actuator = build(name, DOCUMENTS.get(name, {}), Surroundings(secrets=tmp_path))
    target = Target(instance="shop-1", app="shop", unit="unit1", address="10.0.0.1:80")
    assert actuator.name == name
    assert {"restart_host", "remove"} <= actuator.actions
    for action in sorted(actuator.actions):
        text = actuator.plan(Order(target=target, action=action, key="k", fence=0))
        assert "shop-1" in text.summary
        assert text.steps


def test_a_document_that_does_not_fit_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match="There is no actuator 'fake'"):
        build("fake", {}, Surroundings(secrets=tmp_path))
