"""The console's settings in a folder of their own, so that a test run leaves nothing behind."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

if "MESH_STATE_DIR" not in os.environ:
    os.environ["MESH_STATE_DIR"] = tempfile.mkdtemp(prefix="mesh-tests-")
    atexit.register(shutil.rmtree, os.environ["MESH_STATE_DIR"], ignore_errors=True)
os.environ.setdefault("MESH_SECRET_KEY", "tests-only-" + "0123456789abcdef" * 4)
os.environ.setdefault("MESH_ALLOWED_HOSTS", "localhost,127.0.0.1,testserver")

from meshconsole.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MESH_REDIS_URL = "unix:///nowhere/redis.sock"
