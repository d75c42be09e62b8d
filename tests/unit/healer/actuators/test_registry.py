"""A name and a document become an actuator, or a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from healer.actuators.registry import MAKERS, build
from healer.actuators.surroundings import Surroundings
from meshconsole.healing.actuator_settings import KINDS, SettingsWrong


def test_every_maker_has_its_settings() -> None:
    assert set(MAKERS) <= set(KINDS)


def test_a_document_that_does_not_fit_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match="There is no actuator 'fake'"):
        build("fake", {}, Surroundings(secrets=tmp_path))
