"""A settings document is taken or refused with a sentence that says what to write."""

from __future__ import annotations

import pytest

from meshconsole.healing.guards.actuator_settings import (
    KINDS,
    DockerSettings,
    SettingsWrong,
    settings_parse,
)


def test_a_document_that_fits_is_taken_with_its_defaults() -> None:
    made = settings_parse("docker", {"sidecar": "mesh-{instance}"})
    assert made == DockerSettings(process="{instance}", sidecar="mesh-{instance}", stop_seconds=10)


@pytest.mark.parametrize(
    ("name", "document", "sentence"),
    [
        ("fake", {}, "There is no actuator 'fake': choose one of process, systemd"),
        ("process", {"socket": "/x"}, "actuator process do not fit: .*unknown field `socket`"),
        ("systemd", {}, "missing required field `process`"),
        ("systemd", {"process": "a b"}, "process: Expected `str` matching regex"),
        ("systemd", {"process": "{instance.__class__}"}, "process"),
        ("systemd", {"process": "{host}"}, "process may hold {instance}, {app} and {unit}"),
        ("docker", {"stop_seconds": 0}, "stop_seconds: Expected `int` >= 1"),
        ("ssh", {"user": "-o", "key": "k", "known_hosts": "h", "process": "p"}, "user: "),
        ("ssh", {"user": "m", "key": "../k", "known_hosts": "h", "process": "p"}, "key: "),
        ("ssh", {"user": "m", "key": "", "known_hosts": "h", "process": "p"}, "key: "),
        ("ssh", {"user": "m\n", "key": "k", "known_hosts": "h", "process": "p"}, "user: "),
        ("webhook", {"url": "ftp://x/", "secret": "s"}, "url is https://host:port/path"),
        ("webhook", {"url": "https://a:b@x/", "secret": "s"}, "without user, password"),
        ("webhook", {"url": "https://x/", "secret": ""}, "secret: "),
        ("kubernetes", {"namespace": "Shop"}, "namespace: "),
        ("kubernetes", {"namespace": "shop", "way": "drain"}, "way: Invalid enum value 'drain'"),
    ],
)
def test_one_that_does_not_fit_is_refused_in_words(
    name: str, document: dict[str, object], sentence: str
) -> None:
    with pytest.raises(SettingsWrong, match=sentence):
        settings_parse(name, document)


def test_no_document_names_a_file_of_the_healers_machine() -> None:
    """Secrets are names in one folder: a path would let settings read any file."""
    for kind in KINDS.values():
        for field in kind.__struct_fields__:
            assert not field.endswith(("_file", "_path", "socket"))
