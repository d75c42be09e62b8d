"""Laws of documents: export then apply changes nothing, and a dry run foretells an apply."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from django.db import transaction
from hypothesis import HealthCheck, given, settings, strategies as st

from meshconsole.core.documents import documents_read
from meshconsole.core.errors import Invalid
from meshconsole.documents import documents_apply, documents_export

pytestmark = pytest.mark.django_db
_few = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,8}[A-Za-z0-9])?", fullmatch=True)
labels = st.dictionaries(
    names, st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=9)
)
seconds = st.floats(0.001, 3600, allow_nan=False)


@st.composite
def meshes(draw: st.DrawFn) -> str:
    """A consistent mesh as YAML, its documents in any order."""
    units = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    apps = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    documents: list[Any] = [
        _document("Unit", name, draw(labels), kind=draw(st.sampled_from(["logical", "region"])))
        for name in units
    ]
    groups = {app: draw(st.lists(names, min_size=1, max_size=3, unique=True)) for app in apps}
    for app in apps:
        timeouts = {"connect_seconds": draw(seconds), "request_seconds": draw(seconds)}
        tier = draw(st.sampled_from(["critical", "standard"]))
        document = _document("Application", app, draw(labels), tier=tier, groups=groups[app])
        document["spec"]["timeouts"] = timeouts
        document["spec"]["balancer"] = draw(st.sampled_from(["round_robin", "ring_hash", "maglev"]))
        document["spec"]["hash_on"] = draw(st.sampled_from(["", "path", "header:x-user"]))
        statuses = draw(st.lists(st.sampled_from([502, 503, 504]), max_size=3))
        document["spec"]["retries"] = {"limit": draw(st.integers(0, 10)), "statuses": statuses}
        documents.append(document)
    for name in draw(st.lists(names, max_size=4, unique=True)):
        app = draw(st.sampled_from(apps))
        documents.append(
            _document(
                "Instance",
                name,
                draw(labels),
                application=app,
                unit=draw(st.sampled_from(units)),
                group=draw(st.sampled_from(groups[app])),
                address=f"10.0.0.1:{draw(st.integers(1, 65535))}",
            )
        )
    for app in draw(st.lists(st.sampled_from(apps), unique=True)):
        percents = [draw(st.integers(0, 9)) for _ in groups[app][1:]]
        split = dict(zip(groups[app], [100 - sum(percents), *percents], strict=True))
        documents.append(_document("Route", app, {}, split=split))
    return yaml.safe_dump_all(draw(st.permutations(documents)), allow_unicode=True)


def _document(kind_: str, name: str, labelled: dict[str, str], **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "labels": labelled}
    return {"apiVersion": "meshconsole.io/v1", "kind": kind_, "metadata": metadata, "spec": spec}


@_few
@given(meshes())
def test_export_then_apply_is_a_fixed_point(text: str) -> None:
    with transaction.atomic():
        foretold = documents_apply(text, actor="law", dry_run=True)
        done = documents_apply(text, actor="law")
        assert done.applied, done.faults
        assert [part.change.outcome for part in foretold.planned] == [
            part.change.outcome for part in done.planned
        ]
        exported = documents_export()
        again = documents_apply(exported, actor="law")
        assert {part.change.outcome for part in again.planned} == {"unchanged"}
        assert documents_export() == exported
        assert not documents_apply(text, actor="law").changed()
        transaction.set_rollback(True)


@_few
@given(st.one_of(st.text(), st.binary()))
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    try:
        documents = documents_read(text)
    except Invalid:
        return
    with transaction.atomic():
        plan = documents_apply(text, actor="law", dry_run=True)
        assert len(plan.faults) >= min(len(documents), 1)
