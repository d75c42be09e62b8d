"""Four processes write one SQLite file at once, and none is told that it is locked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

WRITERS, ROUNDS = 4, 60
SCRIPT = """
import json, os, sys
import django
django.setup()
from django.db import transaction
from django.utils import timezone
from meshconsole.audit.services import audit_record
from meshconsole.core import lease, revision
from meshconsole.inventory.services import instances_register
from meshconsole.live.publish import publish_on_commit
from proxy.contract.identity import Node

me, rounds, errors = sys.argv[1], int(sys.argv[2]), []
for n in range(rounds):
    try:
        with transaction.atomic():
            revision.bump()
            audit_record(actor=me, verb="write", object=f"round:{n}")
            publish_on_commit(topic="t", kind="k", ref=me)
        node = Node(id=f"{me}-{n}", app=f"app{n % 3}", unit="unit1", group="Group_1",
                    addr="127.0.0.1:1", boot_id="b")
        instances_register([node], timezone.now())
        lease.acquire("leader", me, 0.01, timezone.now())
    except Exception as error:
        errors.append(repr(error))
print(json.dumps(errors))
"""


def _run(state: Path, *words: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "MESH_STATE_DIR": str(state),
        "MESH_DATABASE_URL": "",
        "DJANGO_SETTINGS_MODULE": "meshconsole.settings",
    }
    return subprocess.Popen(
        [sys.executable, *words], env=environment, stdout=subprocess.PIPE, text=True
    )


def test_four_writers_lose_nothing_and_see_no_lock_error(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[3])
    made = _run(tmp_path, f"{root}/manage.py", "migrate", "-v0")
    made.communicate(timeout=120)
    assert made.returncode == 0
    writers = [_run(tmp_path, "-c", SCRIPT, f"w{n}", str(ROUNDS)) for n in range(WRITERS)]
    answers = [json.loads(writer.communicate(timeout=240)[0]) for writer in writers]
    assert answers == [[]] * WRITERS
    look = (
        "import django; django.setup()\n"
        "from meshconsole.audit.services import audit_verify\n"
        "from meshconsole.core import revision\n"
        "from meshconsole.inventory.models import Application, Instance\n"
        "verdict = audit_verify()\n"
        "print(verdict.whole, verdict.rows, revision.current(), Instance.objects.count(),"
        " Application.objects.count())"
    )
    seen = _run(tmp_path, "-c", look).communicate(timeout=60)[0].split()
    total = WRITERS * ROUNDS
    assert seen == ["True", str(2 * total), str(2 * total), str(total), "3"]
