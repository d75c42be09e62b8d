"""The console's REST API as a few calls; every refusal becomes one sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx

from meshconsole.cli.profile import Profile

TIMEOUT_SECONDS = 15.0
_TOKEN_FIELD = re.compile(r'name="csrfmiddlewaretoken" value="([A-Za-z0-9]+)"')


class Refused(Exception):
    """The console said no, or did not answer; the message says what to do."""

    def __init__(self, sentence: str, *, problem: dict[str, Any] | None = None) -> None:
        super().__init__(sentence)
        self.problem = problem or {}


class Console:
    """A console that is spoken to with a token."""

    def __init__(self, profile: Profile, *, transport: httpx.BaseTransport | None = None) -> None:
        self._http = httpx.Client(
            base_url=f"{profile.url}/api/v1/",
            headers={"Authorization": f"Bearer {profile.token}", "Accept": "application/json"},
            timeout=TIMEOUT_SECONDS,
            transport=transport,
        )

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request; raises Refused for anything but success."""
        try:
            answer = self._http.request(method, path, **more)
        except httpx.HTTPError as error:
            raise Refused(
                f"The console at {self._http.base_url} does not answer: {error}"
            ) from None
        if answer.is_success:
            return answer
        raise _refused(answer)

    def get(self, path: str, **query: Any) -> Any:
        """The JSON of a read."""
        return self.ask("GET", path, params={k: v for k, v in query.items() if v}).json()

    def list(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Every row of a list, page by page."""
        page = self.get(path, **query)
        while True:
            rows = page if isinstance(page, list) else page.get("results", [])
            yield from rows
            following = None if isinstance(page, list) else page.get("next")
            if not following:
                return
            page = self.ask("GET", following).json()


def sign_in(
    url: str, user: str, password: str, *, transport: httpx.BaseTransport | None = None
) -> httpx.Client:
    """A session as a browser has one; raises Refused. The caller closes it."""
    client = httpx.Client(
        base_url=url, timeout=TIMEOUT_SECONDS, transport=transport, headers={"Referer": f"{url}/"}
    )
    try:
        page = client.get("/login/")
        found = _TOKEN_FIELD.search(page.text)
        form = {"username": user, "password": password}
        form["csrfmiddlewaretoken"] = found[1] if found else ""
        answer = client.post("/login/", data=form)
    except httpx.HTTPError as error:
        client.close()
        raise Refused(f"The console at {url} does not answer: {error}") from None
    if answer.status_code != httpx.codes.FOUND:
        client.close()
        wait = " Too many tries: wait some minutes." if answer.status_code == 429 else ""
        raise Refused(f"The user name or the password is wrong.{wait}")
    return client


def token_of(session: httpx.Client, *, name: str, role: str, days: int) -> str:
    """Make a token in a session; raises Refused."""
    csrf = next((c.value for c in session.cookies.jar if "csrf" in c.name), "") or ""
    answer = session.post(
        "/api/v1/tokens",
        json={"name": name, "role": role, "days": days},
        headers={"X-CSRFToken": csrf},
    )
    if not answer.is_success:
        raise _refused(answer)
    return str(answer.json()["token"])


def _refused(answer: httpx.Response) -> Refused:
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict) or not problem.get("detail"):
        return Refused(f"The console answered {answer.status_code} {answer.reason_phrase}.")
    lines = [str(problem["detail"])]
    for fault in problem.get("errors", ()):
        place = " ".join(str(fault[key]) for key in ("kind", "name", "pointer") if fault.get(key))
        lines.append(f"  {place}: {fault.get('detail', '')}")
    return Refused("\n".join(lines), problem=problem)
