"""Answers of hostile and of careless origins."""

from __future__ import annotations

from proxy.http1.heads import ANSWER_HEAD_LIMIT
from tests.integration.proxy.corpus.vector import (
    CHUNKED,
    CONTROLS,
    CRLF,
    DELIMITERS,
    END,
    WRONG_ENDS,
    WRONG_NUMBERS,
    Answered,
    each,
    head,
)

OK = b"HTTP/1.1 200 OK"
NONE = b"content-length: 0"
TWO = b"Content-Length: 2"
SECOND = head(OK, NONE, b"x-second: yes")
LAST = b"0\r\n\r\n"
HEARD = head(OK, b"content-length: 2") + b"ok"
FRAMED = head(OK, b"transfer-encoding: chunked")
STATUS_LINES = (
    b"HTTP/2.0 200 OK",
    b"HTTP/1.2 200 OK",
    b"HTTP/0.9 200 OK",
    b"http/1.1 200 OK",
    b"ICY 200 OK",
    b"HTTP/1.1  200 OK",
    b"HTTP/1.1\t200 OK",
    b"HTTP/1.1 20 OK",
    b"HTTP/1.1 2000 OK",
    b"HTTP/1.1 099 OK",
    b"HTTP/1.1 000 OK",
    b"HTTP/1.1 600 OK",
    b"HTTP/1.1 999 OK",
    b"HTTP/1.1 +20 OK",
    b"HTTP/1.1 -20 OK",
    b"HTTP/1.1 2OO OK",
    b"HTTP/1.1 200OK",
    b"HTTP/1.1 OK",
    b"HTTP/1.1",
    b"HTTP/1.1200 OK",
    b"200 OK",
    b" HTTP/1.1 200 OK",
    b"\x00HTTP/1.1 200 OK",
    b"\r\nHTTP/1.1 200 OK",
    b"\nHTTP/1.1 200 OK",
    b"HTTP/1.1 200 O\x00K",
    b"HTTP/1.1 200 O\x1bK",
    b"HTTP/1.1 200 O\rK",
    b"HTTP/1.1 200 O\nK",
    b"HTTP/1.1 \xd9\xa2\xd9\xa0\xd9\xa0 OK",
    b"GET / HTTP/1.1",
    b"<html>",
    b"\x16\x03\x01",
    b"SSH-2.0-a",
)


def broken(name: str, sent: bytes) -> Answered:
    """The caller hears only that it was broken."""
    return Answered(name, sent, None)


def heads() -> list[Answered]:
    """Lines and fields."""
    wrong = [broken(n, head(line, TWO) + b"ok") for n, line in each("status line", STATUS_LINES)]
    wrong += [
        broken(name, head(OK, b"X" + c + b"Y: v", TWO) + b"ok")
        for name, c in each("in a name", (*DELIMITERS, *CONTROLS, b" ", b"\t", b"\x80"))
    ]
    wrong += [
        broken(n, head(OK, b"X: a" + c + b"b", TWO) + b"ok")
        for n, c in each("in a value", CONTROLS)
    ]
    wrong += [
        broken(f"{where} ends in {name}", sent)
        for name, end in WRONG_ENDS.items()
        for where, sent in (
            ("the status line", OK + end + TWO + END + b"ok"),
            ("a field", OK + CRLF + b"X: y" + end + TWO + END + b"ok"),
            ("the head", OK + CRLF + TWO + CRLF + end + b"ok" + SECOND),
        )
    ]
    wrong += [
        broken(name, head(OK, field, TWO) + b"ok")
        for name, field in each(
            "field",
            (
                b"nonsense",
                b": a",
                b" X: a",
                b"X: a\r\n b",
                b"X: a\r\n\tb",
                b"X : a",
                b"Content-Length : 2",
                b"Content_Length: 2",
                b"Transfer_Encoding: chunked",
                b"Connection: content-type",
                b"Connection: x, set-cookie",
                b"Connection: a b",
            ),
        )
    ]
    wrong += [
        broken("101 fields", head(OK, TWO, *[b"A: b"] * 100)),
        broken("a head too long", head(OK, TWO, b"A: " + b"b" * ANSWER_HEAD_LIMIT) + b"ok"),
        broken("a head without end", head(OK, b"A: " + b"b" * 50_000)[:-2]),
        Answered("a head cut", OK + CRLF + b"X: y", None, b"POST", then="close"),
        Answered("nothing, with a word", b"\r\n", None, b"POST", then="close"),
    ]
    return wrong


def lengths() -> list[Answered]:
    """What frames a body, and what contradicts it."""
    wrong = [
        broken(name, head(OK, b"Content-Length: " + value) + b"ok")
        for name, value in each("Content-Length", (*WRONG_NUMBERS, b"", b" "))
    ]
    wrong += [
        broken(name, head(OK, *fields) + b"ok")
        for name, fields in (
            ("the same length twice", (TWO, TWO)),
            ("two lengths", (TWO, b"content-length: 3")),
            ("a length, then chunked", (TWO, CHUNKED)),
            ("chunked, then a length", (CHUNKED, TWO)),
            ("chunked twice", (CHUNKED, CHUNKED)),
        )
    ]
    wrong += [
        broken(name, head(OK, b"Transfer-Encoding: " + value) + LAST)
        for name, value in each(
            "coding",
            (
                b"xchunked",
                b"chunked, chunked",
                b"chunked,",
                b"identity",
                b"gzip, chunked",
                b"chunked, identity",
                b"chunked;q=1",
                b"\x0bchunked",
                b"chunked\x00",
                b"",
                b"chun\xe2\x84\xaaed",
            ),
        )
    ]
    wrong += [
        broken("chunked by 1.0", head(b"HTTP/1.0 200 OK", CHUNKED) + LAST),
        Answered(
            "shorter than said",
            head(OK, b"Content-Length: 5") + b"ok",
            head(OK, b"content-length: 5") + b"ok",
            then="close",
            cut=True,
        ),
        Answered(
            "shorter, and reset",
            head(OK, b"Content-Length: 5") + b"ok",
            head(OK, b"content-length: 5") + b"ok",
            then="reset",
            cut=True,
        ),
        Answered(
            "until the end, and reset",
            head(OK) + b"ok",
            FRAMED + b"2\r\nok\r\n",
            then="reset",
            cut=True,
        ),
        Answered("until the end", head(OK) + b"ok", FRAMED + b"2\r\nok\r\n" + LAST, then="close"),
        Answered(
            "until the end, to 1.0",
            head(OK) + b"ok",
            head(OK, b"connection: close") + b"ok",
            minor=0,
            then="close",
        ),
        Answered(
            "until the end, reset, to 1.0",
            head(OK) + b"ok",
            head(OK, b"connection: close") + b"ok",
            minor=0,
            then="reset",
            cut=True,
        ),
        Answered("said", head(OK, TWO) + b"ok", HEARD, again=True),
        Answered("said with zeros", head(OK, b"Content-Length:002 ") + b"ok", HEARD, again=True),
        Answered("of a 1.0 origin", head(b"HTTP/1.0 200 OK", TWO) + b"ok", HEARD),
        Answered(
            "of a 1.0 origin that stays",
            head(b"HTTP/1.0 200 OK", TWO, b"Connection: keep-alive") + b"ok",
            HEARD,
            again=True,
        ),
        Answered("said to be the last", head(OK, TWO, b"Connection: close") + b"ok", HEARD),
        Answered("two answers", HEARD + SECOND, HEARD),
        Answered("three answers", HEARD + SECOND * 2, HEARD),
        Answered("longer than said", HEARD + b"x", HEARD),
        Answered("an empty line after", HEARD + CRLF, HEARD),
        Answered("half an answer after", HEARD + OK, HEARD),
        Answered(
            "no reason",
            head(b"HTTP/1.1 200", TWO) + b"ok",
            head(b"HTTP/1.1 200 ", b"content-length: 2") + b"ok",
            again=True,
        ),
    ]
    return wrong


def chunks() -> list[Answered]:
    """Chunks; once the head is said, only a cut connection is honest."""

    def cut(name: str, body: bytes) -> Answered:
        return Answered(name, head(OK, CHUNKED) + b"2\r\nok\r\n" + body, None)

    wrong = [
        cut(name, size + b"\r\n" + b"a" * 3 + CRLF + LAST)
        for name, size in each(
            "size",
            (
                *(n for n in WRONG_NUMBERS if n[:1] != b"9" and n != b"0b1"),
                b" 1",
                b"1 ",
                b"\t1",
                b"",
                b"f" * 16,
            ),
        )
    ]
    for name, end in {**WRONG_ENDS, "nothing": b""}.items():
        wrong += [
            cut(f"a chunk ends in {name}", b"1\r\na" + end + LAST),
            cut(f"a trailer ends in {name}", b"0\r\nX: y" + end + CRLF + SECOND),
        ]
        if end:
            wrong += [cut(f"a size ends in {name}", b"1" + end + b"a\r\n" + LAST)]
    wrong += [
        cut("an extension too long", b"1;" + b"a" * 300 + b"\r\nx\r\n" + LAST),
        cut("an LF in an extension", b'1;a="\n"\r\nx\r\n' + LAST),
        cut("a folded trailer", b"0\r\nX: y\r\n z\r\n\r\n"),
        cut("an answer for a trailer", b"0\r\n" + SECOND),
    ]
    framed = FRAMED + b"2\r\nok\r\n"
    ten = head(OK, b"connection: close") + b"ok"
    sent = head(OK, CHUNKED) + b"2;a=b\r\nok\r\n"
    return [
        *wrong,
        Answered("no last chunk", sent, framed, then="close", cut=True),
        Answered("no last chunk, reset", sent, framed, then="reset", cut=True),
        Answered("half a last chunk", sent + b"0\r\n", framed, then="close", cut=True),
        Answered("no last chunk, to 1.0", sent, ten, minor=0, then="close", cut=True),
        Answered("whole", sent + LAST, framed + LAST, again=True),
        Answered("whole, to 1.0", sent + LAST, ten, minor=0, again=True),
        Answered("whole, and a second one", sent + LAST + SECOND, framed + LAST),
        Answered(
            "a trailer",
            sent + b"0\r\nX: y\r\nContent-Length: 1\r\nSet-Cookie: a\r\nX-Mesh-Flag: UF\r\n\r\n",
            framed + b"0\r\nX: y\r\n\r\n",
            again=True,
        ),
    ]


def bodiless() -> list[Answered]:
    """Answers that have no body, whatever they say; and those before the real one."""
    no = head(b"HTTP/1.1 204 No", NONE)
    right = [
        Answered(
            "HEAD, with a length",
            head(OK, TWO),
            head(OK, b"content-length: 2"),
            b"HEAD",
            again=True,
        ),
        Answered("HEAD, chunked", head(OK, CHUNKED), FRAMED, b"HEAD", again=True),
        Answered("HEAD, with a body", HEARD, head(OK, b"content-length: 2"), b"HEAD"),
        Answered("HEAD, with chunks", head(OK, CHUNKED) + LAST, FRAMED, b"HEAD"),
        Answered("HEAD, and two answers", head(OK, NONE) + SECOND, head(OK, NONE), b"HEAD"),
        Answered("204", head(b"HTTP/1.1 204 No"), head(b"HTTP/1.1 204 No"), again=True),
        Answered("204 of no length", no, head(b"HTTP/1.1 204 No"), again=True),
        Answered(
            "204 with a length", head(b"HTTP/1.1 204 No", TWO) + b"ok", head(b"HTTP/1.1 204 No")
        ),
        Answered(
            "204 with a length and no body", head(b"HTTP/1.1 204 No", TWO), head(b"HTTP/1.1 204 No")
        ),
        Answered(
            "204 with chunks", head(b"HTTP/1.1 204 No", CHUNKED) + LAST, head(b"HTTP/1.1 204 No")
        ),
        Answered(
            "304",
            head(b"HTTP/1.1 304 No", b"ETag: a", TWO),
            head(b"HTTP/1.1 304 No", b"ETag: a", b"content-length: 2"),
            again=True,
        ),
        Answered(
            "304 with a body",
            head(b"HTTP/1.1 304 No", TWO) + b"ok",
            head(b"HTTP/1.1 304 No", b"content-length: 2"),
        ),
        Answered(
            "103",
            head(b"HTTP/1.1 103 Early", b"Link: a") + HEARD,
            head(b"HTTP/1.1 103 Early", b"Link: a") + HEARD,
            again=True,
        ),
        Answered(
            "100 and 103",
            head(b"HTTP/1.1 100 Go") + head(b"HTTP/1.1 103 Early") + HEARD,
            head(b"HTTP/1.1 100 Go") + head(b"HTTP/1.1 103 Early") + HEARD,
            again=True,
        ),
        Answered(
            "103 to 1.0",
            head(b"HTTP/1.1 103 Early") + HEARD,
            head(OK, b"content-length: 2", b"connection: close") + b"ok",
            minor=0,
            again=True,
        ),
        Answered(
            "16 of 103",
            head(b"HTTP/1.1 103 E") * 16 + HEARD,
            head(b"HTTP/1.1 103 E") * 16 + HEARD,
            again=True,
        ),
        Answered(
            "what is of this hop",
            head(
                OK,
                b"Keep-Alive: timeout=9",
                b"Connection: x-a",
                b"X-A: b",
                b"Proxy-Connection: c",
                b"Upgrade: d",
                b"Trailer: e",
                TWO,
            )
            + b"ok",
            HEARD,
            again=True,
        ),
        Answered(
            "what only the mesh may say",
            head(
                OK,
                b"X-Mesh-Flag: what it likes",
                b"X-Mesh-Caller: a",
                b"x_mesh_b: c",
                b"X-Forwarded-Client-Cert: d",
                b"X-Mesh-No-Retry: 1",
                TWO,
            )
            + b"ok",
            head(OK, b"X-Mesh-No-Retry: 1", b"content-length: 2") + b"ok",
            again=True,
        ),
    ]
    wrong = [
        broken(f"{status} with {name}", head(b"HTTP/1.1 %d E" % status, field) + b"ok" + HEARD)
        for status in (100, 103, 199)
        for name, field in (("a length", TWO), ("chunks", CHUNKED))
    ]
    wrong += [
        broken("101 unasked", head(b"HTTP/1.1 101 S") + SECOND),
        broken("101 to another protocol", head(b"HTTP/1.1 101 S", b"Upgrade: h2c") + SECOND),
        broken("101 to WebSocket unasked", head(b"HTTP/1.1 101 S", b"Upgrade: websocket") + SECOND),
    ]
    return [*right, *wrong]


ANSWERS = [*heads(), *lengths(), *chunks(), *bodiless()]
