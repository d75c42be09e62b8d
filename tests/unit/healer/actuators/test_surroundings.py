"""A secret is a private file of the healer's folder, or the order is refused with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from healer.actuators.protocol import Refused
from healer.actuators.surroundings import Surroundings


def test_a_private_file_is_read_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text("s3cret\n")
    (tmp_path / "hook").chmod(0o600)
    assert Surroundings(secrets=tmp_path).secret("hook") == "s3cret"


def test_one_that_is_missing_is_named_with_its_folder(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"missing: put it into the file hook in .*MESH_ACTUATOR"):
        Surroundings(secrets=tmp_path).secret("hook")


def test_one_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text("s3cret")
    (tmp_path / "hook").chmod(0o644)
    with pytest.raises(Refused, match="chmod 600") as refused:
        Surroundings(secrets=tmp_path).secret("hook")
    assert "s3cret" not in str(refused.value)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kek.key").write_text("the authority's")
    (tmp_path / "kek.key").chmod(0o600)
    folder = tmp_path / "actuators"
    folder.mkdir()
    (folder / "hook").symlink_to(tmp_path / "kek.key")
    with pytest.raises(Refused, match="no file of its own"):
        Surroundings(secrets=folder).secret("hook")


@pytest.mark.parametrize(("text", "sentence"), [("", "is empty"), ("x" * 70_000, "is larger")])
def test_one_that_cannot_be_a_secret_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "hook").write_text(text)
    (tmp_path / "hook").chmod(0o600)
    with pytest.raises(Refused, match=sentence):
        Surroundings(secrets=tmp_path).secret("hook")
