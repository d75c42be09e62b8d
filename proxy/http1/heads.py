"""HTTP/1.1 heads, sans-io: the bytes of a head in, a checked value out.

A head is judged whole by one expression, so there is no lenient corner: no bare CR or LF, no folded
line, no NUL, no space before a colon. After that its lines are known to be well-formed and may be
passed on, except those that speak of this hop only. What frames the body is written anew: the
bytes a peer used to say it never travel further. Anything two readers could understand
differently raises BadMessage, and the connection ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

from proxy.contract.reports import ErrorClass
from proxy.errors import BadMessage, Refusal
from proxy.http1.edge import (
    APPLICATIONS_MAY_SAY,
    CONNECTION_OPTIONS_LIMIT,
    MESH_NAMES,
    is_end_to_end,
)
from proxy.http1.lines import FIELDS, FIELDS_LIMIT, TOKEN, bare_line_end, is_token, without
from proxy.http1.reasons import REASONS

HEAD_LIMIT = 16 * 1024
"""Bytes of a request's head; Envoy's 60 KiB is four times what real callers need."""
ANSWER_HEAD_LIMIT = 32 * 1024
"""Bytes of an answer's head: cookies and policies make it longer."""
REMEMBERED_HEADS = 256
REMEMBERED_BYTES = 1024
"""Answers' heads remembered, and how long one may be: half a megabyte at most."""
CHUNKED = -1
"""Body length: said chunk by chunk."""
UNTIL_CLOSE = -2
"""Body length of an answer: whatever comes until the connection ends."""
TUNNEL = -3
"""Body length after an upgrade: whatever comes, both ways, until one side ends it."""
SWITCHING = 101

UPGRADE = b"connection: Upgrade\r\nupgrade: websocket\r\n"

_SLASH = ord("/")
_REQUEST = re.compile(
    rb"(?!(?i:CONNECT) )(" + TOKEN + rb"{1,32}) ([\x21\x22\x24-\x7e]+) HTTP/1\.([01])\r\n" + FIELDS
).fullmatch
_RESPONSE = re.compile(
    rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: ([\t\x20-\x7e\x80-\xff]*+))?\r\n" + FIELDS
).fullmatch
_OF_THIS_HOP = (
    rb"con(?:tent[-_]length|nection)|" + MESH_NAMES + rb"|t(?:ransfer[-_]encoding|railer|e)"
    rb"|keep-alive|proxy-connection|upgrade"
)
_IN_REQUEST = re.compile(
    rb"\r\n(h(?:ost|ttp2-settings)|" + _OF_THIS_HOP + rb"|expect):([^\r]*)"
).search
_IN_RESPONSE = re.compile(rb"\r\n(" + _OF_THIS_HOP + rb"):([^\r]*)").search
_HOST = re.compile(rb"(?:(?:[a-z0-9._~-]|%[0-9a-f]{2})+|\[[0-9a-f:.]+\])(?::[0-9]{0,5})?").fullmatch
_ABSOLUTE = re.compile(rb"https?://([^/?]+)(.*)", re.IGNORECASE | re.DOTALL).fullmatch
_TOKEN_LIST = re.compile(rb"[ \t]*,[ \t]*").split
_OTHER_VERSION = re.compile(TOKEN + rb"+ [\x21-\x7e]+ HTTP/(?!1\.[01])[0-9](?:\.[0-9])?").fullmatch
_CONNECT = re.compile(rb"CONNECT [\x21-\x7e]+ HTTP/1\.[01]", re.IGNORECASE).fullmatch
_EXPECT_LINES = re.compile(rb"\r\nexpect:[^\r]*").finditer
_IDLE_HINT = re.compile(rb"timeout=([0-9]{1,6})").search
_ORDINARY = (b"keep-alive", b"close")
_FLAG = re.compile(rb"[A-Z]{2,5}").fullmatch


_hosts: set[bytes] = set()
"""Values of Host that were found good; a mesh has few."""
_HOSTS_REMEMBERED = 1024


def _check_host(value: bytes) -> None:
    if not _HOST(value):
        raise BadMessage("Host is not a name or an address.")
    if len(_hosts) >= _HOSTS_REMEMBERED:
        _hosts.clear()
    if len(value) < 256:
        _hosts.add(value)


class _Search(Protocol):
    def __call__(self, lines: bytes, begin: int = 0, /) -> re.Match[bytes] | None:
        """The next header that matters."""


class Head:
    """What requests and answers have in common once their lines are read.

    Most heads say little that matters here, so what they do not say is left to the class.
    """

    host: bytes | None = None
    length: int | None = None
    """Bytes of body, or CHUNKED, or UNTIL_CLOSE; None is unsaid."""
    connection = b""
    upgrade = b""
    expect = b""
    idle_hint = 0
    """Seconds after which the peer says it will close an idle connection; 0 is unsaid."""
    mesh_flag = b""
    """Why a sidecar answered in its application's place. It speaks of one hop only: an application
    that hands on what another sidecar told it must not seem to be out of reach itself."""
    no_retry = False
    """Does the answer forbid that the request is sent again?"""
    takes_trailers = False
    """TE said that trailers are understood."""
    trusted = False
    """Is the sender a sidecar, whose identity was checked? Then it may speak for the mesh."""

    def __init__(self, minor: bool, lines: bytes, special: _Search) -> None:
        self.minor = minor
        """True for HTTP/1.1, False for HTTP/1.0."""
        self.raw = lines
        """CRLF, then every header line as it came."""
        self.lower = lower = lines.lower()
        drops = []
        found = special(lower)
        while found:
            name, value = found.groups()
            begin, end = found.span()
            if _ON[name](self, value.strip()):
                drops.append((begin, end))
            found = special(lower, end)
        if self.connection and self.connection not in _ORDINARY:
            drops = sorted(drops + self._named_by_connection())
        self.fields = without(lines, drops) if drops else lines[2:]
        """Header lines that may travel on: nothing of this hop, nothing that frames the body."""

    def value(self, name: bytes) -> bytes | None:
        """The value of a header by its lower-case name; None without one, the first of many."""
        return self.after(b"\r\n%b:" % name)

    def after(self, needle: bytes) -> bytes | None:
        """The same, where the name is given as `CRLF name colon`."""
        at = self.lower.find(needle)
        if at < 0:
            return None
        begins = at + len(needle)
        return self.raw[begins : self.raw.index(b"\r", begins)].strip()

    @property
    def keep_alive(self) -> bool:
        """Does the sender mean to use the connection again?"""
        connection = self.connection
        if not connection:
            return self.minor
        if connection in _ORDINARY:
            return connection == b"keep-alive"
        tokens = _TOKEN_LIST(connection)
        return b"close" not in tokens and (self.minor or b"keep-alive" in tokens)

    def _named_by_connection(self) -> list[tuple[int, int]]:
        spans = []
        names = _TOKEN_LIST(self.connection)
        if len(names) > CONNECTION_OPTIONS_LIMIT:
            raise BadMessage(f"Connection has more than {CONNECTION_OPTIONS_LIMIT} options.", 431)
        for name in names:
            if not name:
                continue
            if not is_token(name) or is_end_to_end(name):
                raise BadMessage("Connection names a header that it may not.")
            at = self.lower.find(b"\r\n" + name + b":")
            while at >= 0:
                end = self.lower.index(b"\r\n", at + 2)
                spans.append((at, end))
                at = self.lower.find(b"\r\n" + name + b":", end)
        return spans

    def on_host(self, value: bytes) -> bool:
        """One, and a name or an address."""
        if self.host is not None:
            raise BadMessage("More than one Host.")
        if value not in _hosts:
            _check_host(value)
        self.host = value
        return False

    def on_content_length(self, value: bytes) -> bool:
        """One, and digits."""
        if self.length is not None:
            raise BadMessage("The length of the body is said twice.")
        if not value.isdigit() or len(value) > 18:
            raise BadMessage("Content-Length is not a number.")
        self.length = int(value)
        return True

    def on_transfer_encoding(self, value: bytes) -> bool:
        """One, and exactly `chunked`."""
        if self.length is not None:
            raise BadMessage("The length of the body is said twice.")
        if value != b"chunked" or not self.minor:
            raise BadMessage("Transfer-Encoding is not understood.", 501 if self.minor else 400)
        self.length = CHUNKED
        return True

    def on_connection(self, value: bytes) -> bool:
        """Options of this hop; several lines make one list."""
        self.connection = self.connection + b"," + value if self.connection else value
        return True

    def on_keep_alive(self, value: bytes) -> bool:
        """A hint of how long the peer keeps an idle connection."""
        if hint := _IDLE_HINT(value):
            self.idle_hint = int(hint[1])
        return True

    def on_upgrade(self, value: bytes) -> bool:
        """Several lines make one list."""
        self.upgrade = self.upgrade + b"," + value if self.upgrade else value
        return True

    def on_expect(self, value: bytes) -> bool:
        """One thing can be expected. It travels on, as it is the upstream's to say whether it wants
        the body; but HTTP/1.0 knows no such thing (RFC 9110, 10.1.1)."""
        if value != b"100-continue":
            raise BadMessage("Expect is not understood.", 417)
        self.expect = value
        return not self.minor

    def on_mesh_flag(self, value: bytes) -> bool:
        """A flag of this hop; what cannot be one is nothing."""
        flag = value.upper()
        self.mesh_flag = flag if _FLAG(flag) else b""
        return True

    def on_no_retry(self, _value: bytes) -> bool:
        """Travels on: it binds every hop."""
        self.no_retry = True
        return False

    def on_mesh(self, _value: bytes) -> bool:
        """Something only the mesh may say."""
        return not self.trusted

    def on_kept(self, _value: bytes) -> bool:
        """Anybody may say it."""
        return False

    def on_lookalike(self, _value: bytes) -> bool:
        """Not framing here, but perhaps to who reads it next."""
        raise BadMessage("A header is spelt so that it could pass for the body's length.")

    def on_te(self, value: bytes) -> bool:
        """Which coding of this hop the sender understands; only `trailers` matters."""
        self.takes_trailers = self.takes_trailers or b"trailers" in value
        return True

    def on_hop(self, _value: bytes) -> bool:
        """Meant for this hop only."""
        return True


class _Handlers(dict[bytes, Callable[[Head, bytes], bool]]):
    def __missing__(self, _name: bytes) -> Callable[[Head, bytes], bool]:
        return Head.on_mesh


_ON = _Handlers(
    {
        b"host": Head.on_host,
        b"content-length": Head.on_content_length,
        b"transfer-encoding": Head.on_transfer_encoding,
        b"connection": Head.on_connection,
        b"keep-alive": Head.on_keep_alive,
        b"proxy-connection": Head.on_hop,
        b"te": Head.on_te,
        b"trailer": Head.on_hop,
        b"upgrade": Head.on_upgrade,
        b"expect": Head.on_expect,
        b"http2-settings": Head.on_hop,
        b"x-mesh-flag": Head.on_mesh_flag,
        b"x-mesh-no-retry": Head.on_no_retry,
        b"content_length": Head.on_lookalike,
        b"transfer_encoding": Head.on_lookalike,
        **dict.fromkeys(APPLICATIONS_MAY_SAY, Head.on_kept),
    }
)
"""What to do with a header that matters; True drops its line."""


class Request(Head):
    """A request's head."""

    trace_id = b""
    """Of a framed request, which says it in its own way; else it is in the lines."""
    service = b""
    """A slash and what a framed request calls when it does not name the application behind it; no
    Host begins like this."""

    def __init__(self, head: bytes, found: re.Match[bytes], trusted: bool = False) -> None:
        if trusted:
            self.trusted = True
        self.method, target, minor = found.group(1, 2, 3)
        self.target = target
        begin, end = found.span(4)
        Head.__init__(self, minor == b"1", head[begin - 2 : end], _IN_REQUEST)
        if target[0] != _SLASH:
            self._other_form()
        if self.host is None:
            self._without_host()
        if self.expect and not self.length:
            self._without_expect()
        if self.upgrade:
            self._check_upgrade()

    @property
    def path(self) -> bytes:
        """The target without its query."""
        end = self.target.find(b"?")
        return self.target if end < 0 else self.target[:end]

    def _without_host(self) -> None:
        if self.minor:
            raise BadMessage("There is no Host.")
        self.fields += b"Host:\r\n"

    def _without_expect(self) -> None:
        """Nothing follows, so there is nothing to ask about."""
        fields = b"\r\n" + self.fields
        lower = fields.lower()
        spans = [found.span() for found in _EXPECT_LINES(lower)]
        self.fields = without(fields, spans)
        self.expect = b""

    def _check_upgrade(self) -> None:
        """Only a WebSocket is served (RFC 6455: GET, HTTP/1.1, no body). Other offers may be
        ignored (RFC 9110, 7.8), and are, the one of HTTP/2 too: whoever wants h2c says so with its
        first bytes."""
        asked = b"upgrade" in _TOKEN_LIST(self.connection)
        if self.upgrade != b"websocket" or not asked:
            self.upgrade = b""
        elif self.method != b"GET" or not self.minor or self.length:
            raise BadMessage("A WebSocket begins with GET, HTTP/1.1 and no body.")
        else:
            self.length = TUNNEL

    def _other_form(self) -> None:
        if self.target == b"*" and self.method == b"OPTIONS":
            return
        absolute = _ABSOLUTE(self.target)
        if absolute is None:
            raise BadMessage("The target is not a path.")
        authority, rest = absolute[1].lower(), absolute[2]
        if not _HOST(authority) or (self.host is not None and self.host != authority):
            raise BadMessage("The target and Host name different places.")
        if self.host is None:
            self.host = authority
            self.fields += b"Host: %b\r\n" % authority
        if rest[:1] == b"/":
            self.target = rest
        else:  # RFC 9112, 3.2.4: OPTIONS of a place as a whole
            self.target = b"*" if self.method == b"OPTIONS" and not rest else b"/" + rest


class Response(Head):
    """An answer's head, read in the light of the request's method."""

    error: ErrorClass | None = None
    """What an answer of another protocol says went wrong; HTTP says it by its status."""
    plain: bytes = b""
    """The head as it goes to a caller who keeps the connection, once somebody has made it."""

    def __init__(self, status: int, reason: bytes, minor: bool, lines: bytes) -> None:
        Head.__init__(self, minor, lines, _IN_RESPONSE)
        self.status = status
        self.reason = reason
        if self.length and status < 200:
            raise BadMessage("It gives a body to an answer that has none.", 502)
        if self.length and status == 204:
            self.connection = b"close"  # whether a body follows is anybody's guess
        self.reusable = self.keep_alive
        """`keep_alive`, looked up once: the same answer is read again and again."""
        self._body_length = self._length_of_body()

    def body_length(self, to_head: bool) -> int:
        """Bytes of body that follow: RFC 9112, section 6.3."""
        return 0 if to_head and self._body_length != TUNNEL else self._body_length

    def _length_of_body(self) -> int:
        if self.status == SWITCHING:
            return TUNNEL
        if self.status < 200 or self.status in (204, 304):
            return 0
        return UNTIL_CLOSE if self.length is None else self.length


def parse_request(head: bytes, trusted: bool = False) -> Request:
    """Read a whole head, up to and with its empty line; raises BadMessage. `trusted` says that the
    sender may speak for the mesh."""
    found = _REQUEST(head)
    if found is None:
        raise _bad_request(head)
    return Request(head, found, trusted)


def sole_request(data: bytes, trusted: bool = False) -> Request | None:
    """Read what is exactly one head and nothing else, as most of what callers send is: the search
    for its end is saved. None means that it has to be looked at in parts; raises BadMessage."""
    found = _REQUEST(data) if len(data) <= HEAD_LIMIT else None
    return Request(data, found, trusted) if found else None


def parse_response(head: bytes) -> Response:
    """Read a whole head, up to and with its empty line; raises BadMessage.

    Servers say the same head again and again (a date changes once a second), and reading depends on
    nothing but its bytes: what was read is remembered, and is never changed by who uses it.
    """
    return _read_again(head) if len(head) <= REMEMBERED_BYTES else _read_response(head)


def _read_response(head: bytes) -> Response:
    found = _RESPONSE(head)
    if found is None:
        raise BadMessage("The head is malformed.", 502)
    minor, status, reason, _ = found.groups()
    begin, end = found.span(4)
    return Response(int(status), reason or b"", minor == b"1", head[begin - 2 : end])


_read_again = lru_cache(REMEMBERED_HEADS)(_read_response)


def request_bytes(request: Request, more: bytes = b"") -> bytes:
    """The head as this proxy says it upstream, always HTTP/1.1; `more` are whole lines."""
    length = request.length
    framing = b"" if length is None else framing_of(length)
    if request.upgrade:
        framing = UPGRADE
    return b"%b %b HTTP/1.1\r\n%b%b%b\r\n" % (
        request.method, request.target, request.fields, framing, more
    )  # fmt: skip


def response_bytes(response: Response, framing: bytes, more: bytes = b"") -> bytes:
    """The head as this proxy says it downstream, always HTTP/1.1; `more` are whole lines."""
    return b"HTTP/1.1 %d %b\r\n%b%b%b\r\n" % (
        response.status, response.reason, response.fields, framing, more
    )  # fmt: skip


def plain_bytes(response: Response) -> bytes:
    """`response_bytes` of an answer whose length is known, to a caller of HTTP/1.1 who keeps the
    connection: what nearly every answer is, so it is made once per head that is remembered."""
    unsaid = response.length is None or response.status == 204
    framing = b"" if unsaid else framing_of(response.length or 0)
    response.plain = plain = response_bytes(response, framing)
    return plain


def refusal_bytes(refusal: Refusal, more: bytes = b"", to_head: bool = False) -> bytes:
    """A whole answer made here: the flag says that it was not the application's."""
    body = refusal.sentence.encode("ascii", "replace") + b"\n"
    return (
        b"HTTP/1.1 %d %b\r\ncontent-type: text/plain\r\nx-mesh-flag: %b\r\n"
        b"content-length: %d\r\n%b\r\n%b"
    ) % (
        refusal.status, REASONS.get(refusal.status, b"Error"), refusal.flag.encode(),
        len(body), more, b"" if to_head else body,
    )  # fmt: skip


def framing_of(length: int) -> bytes:
    """The one line that says how long a body is; none for one that ends with the connection."""
    if length >= 0:
        return b"content-length: %d\r\n" % length
    return b"transfer-encoding: chunked\r\n" if length == CHUNKED else b""


def _bad_request(head: bytes) -> BadMessage:
    if bare_line_end(head):
        return BadMessage("A line of the head ends in a bare CR or LF.")
    line = head.partition(b"\r\n")[0]
    if head.count(b"\n") > FIELDS_LIMIT + 2:
        return BadMessage(f"More than {FIELDS_LIMIT} header lines.", 431)
    if _CONNECT(line):
        return BadMessage("CONNECT is not served by this proxy.", 501)
    if _OTHER_VERSION(line):
        return BadMessage("Only HTTP/1.1 and HTTP/1.0 are served here.", 505)
    return BadMessage("The request's head is malformed.")
