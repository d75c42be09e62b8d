"""The console's two doors: HTTP to Django, WebSockets to the live feed."""

from __future__ import annotations

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "meshconsole.settings")
_django: Any = get_asgi_application()

from channels.routing import ProtocolTypeRouter  # noqa: E402
from django.conf import settings  # noqa: E402

from meshconsole.access.permissions import may_view  # noqa: E402
from meshconsole.core.body_limit import BodyLimit  # noqa: E402
from meshconsole.front.context import padlock_shown  # noqa: E402
from meshconsole.live.routing import websockets  # noqa: E402
from meshconsole.live.watching import watch  # noqa: E402

watch("padlock", padlock_shown)

application = ProtocolTypeRouter(
    {"http": BodyLimit(_django, settings.MESH_BODY_LIMIT_BYTES), "websocket": websockets(may_view)}
)
