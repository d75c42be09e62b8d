"""Heads of requests: lines, names, values, Hosts, Connection, Expect."""

from __future__ import annotations

from proxy.http1.heads import HEAD_LIMIT
from tests.integration.proxy.corpus.vector import (
    CONTROLS,
    CRLF,
    DELIMITERS,
    HOST,
    WRONG_ENDS,
    Asked,
    each,
    get,
    head,
    post,
    refused,
    same,
)

VERSIONS = (
    b"HTTP/0.9",
    b"HTTP/1.2",
    b"HTTP/1.10",
    b"HTTP/01.1",
    b"HTTP/2.0",
    b"HTTP/2",
    b"HTTP/3.0",
    b"HTTP/1.",
    b"HTTP/.1",
    b"HTTP/1,1",
    b"HTTP/1.1.1",
    b"http/1.1",
    b"Http/1.1",
    b"HTTPS/1.1",
    b"HTTP/ 1.1",
    b"HTTP 1.1",
    b"HTTP/+1.1",
    b"HTTP/1.-1",
    b"HTTP/1.1x",
    b"xHTTP/1.1",
    b"ICY/1.0",
    b"HTTP/1.\xd9\xa1",
    b"HTTP\\1.1",
    b"HTTP/11",
    b"",
)
TARGETS = (
    b"x",
    b"*",
    b"a:80",
    b"http:/a",
    b"http:///",
    b"http://",
    b"ftp://a/",
    b"http://u@a/",
    b"http://u:p@a/",
    b"http://a:b/",
    b"http://[::1/",
    b"http://a\\b/",
    b"http://b/",
    b"http://a.b/",
    b"http://a:81/",
    b"http://a#b",
    b"//",
    b"\\",
    b"?a",
    b"../x",
    b"\xef\xbb\xbf/",
)
HOSTS = (
    b"",
    b" ",
    b"a b",
    b"a,b",
    b"a, b",
    b"u@a",
    b"u:p@a",
    b"a/b",
    b"a/",
    b"/",
    b"a\\b",
    b"a?b",
    b"a#b",
    b'"a"',
    b"<a>",
    b"a|b",
    b"a^b",
    b"{a}",
    b"a:b",
    b"a:-1",
    b"a:+1",
    b"a:999999",
    b"a:80:80",
    b"a: 80",
    b"[::1",
    b"::1",
    b"[::1]a",
    b"[zz]",
    b"[]",
    b"a%zz",
    b"a%4",
    b"\xc3\xa4",
    b"a\xa0",
    b"http://a",
    b"a;b",
    b"*",
)
END_TO_END = (
    b"host",
    b"Content-Length",
    b"content-type",
    b"content-encoding",
    b"content-md5",
    b"transfer-encoding",
    b"authorization",
    b"proxy-authorization",
    b"cookie",
    b"x-mesh-sticky",
    b"x_mesh_caller",
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"forwarded",
    b"x-real-ip",
    b"traceparent",
    b"expect",
    b"range",
    b"if-match",
    b"sec-websocket-key",
    b"cache-control",
)


def lines() -> list[Asked]:
    """The first line."""
    wrong = [
        refused(f"{name} at {at}", head(line, HOST))
        for name, by in each(
            "separator", (b"  ", b"\t", b"\x0b", b"\x0c", b"\r", b"\xa0", b"\x00", b"")
        )
        for at, line in (
            ("method", b"GET" + by + b"/ HTTP/1.1"),
            ("target", b"GET /" + by + b"HTTP/1.1"),
        )
    ]
    wrong += [
        refused(name, before + get())
        for name, before in each(
            "before",
            (b" ", b"\t", b"\x00", b"\xef\xbb\xbf", b"\n", b"\r", b"\r\n\r\n", b"\r\n\n", b"\r\n "),
        )
    ]
    wrong += [
        refused(name, head(b"GET / HTTP/1.1" + after, HOST))
        for name, after in each("after", (b" ", b"\t", b"\x00", b"x", b" x", b"\xa0", b"\r"))
    ]
    wrong += [refused(n, head(b"GET / " + v, HOST)) for n, v in each("version", VERSIONS)]
    wrong += [
        refused(f"line ends in {name}", b"GET / HTTP/1.1" + end + HOST + CRLF * 2)
        for name, end in WRONG_ENDS.items()
    ]
    wrong += [
        refused(name, head(b"GE" + c + b"T / HTTP/1.1", HOST))
        for name, c in each("in the method", (*DELIMITERS, *CONTROLS, b":", b"\x80", b"\xff"))
    ]
    wrong += [
        refused(name, head(method + b" / HTTP/1.1", HOST))
        for name, method in each("method", (b"", b"A" * 33, b"A" * 9000, b"CONNECT", b"connect"))
    ]
    wrong += [
        refused(name, get(target=b"/a" + c + b"b"))
        for name, c in each(
            "in the target", (*CONTROLS, b" ", b"\t", b"#", b"\x80", b"\xff", b"\xc3\xa4")
        )
    ]
    wrong += [refused(n, get(target=t)) for n, t in each("target", TARGETS) if t[:1] != b"/"]
    wrong += [
        refused(name, head(line + b" HTTP/1.1", HOST))
        for name, line in each(
            "tunnel",
            (
                b"CONNECT a:80",
                b"CONNECT a",
                b"CONNECT /",
                b"CONNECT *",
                b"CONNECT http://a/",
                b"Connect a:80",
                b"PRI *",
            ),
        )
    ]
    return wrong


def names_and_values() -> list[Asked]:
    """Header lines."""
    wrong = [
        refused(name, get(b"X" + c + b"Y: v"))
        for name, c in each(
            "in a name", (*DELIMITERS, *CONTROLS, b" ", b"\t", b"\x80", b"\xff", b"\xc3\xa4")
        )
    ]
    wrong += [refused(n, get(b"X: a" + c + b"b")) for n, c in each("in a value", CONTROLS)]
    wrong += [
        refused(f"{field!r} and {space!r} before the colon", post(b"%b%b: 1" % (field, space)))
        for field in (b"Content-Length", b"Transfer-Encoding", b"X")
        for space in (b" ", b"\t", b"\x0b", b"\x00", b"\xa0")
    ]
    wrong += [
        refused(
            f"folded by {fold!r} after {line!r}",
            head(b"POST / HTTP/1.1", HOST, line + CRLF + fold + b"b"),
        )
        for fold in (b" ", b"\t", b"  \t")
        for line in (b"X: a", b"Content-Length: 1", b"Transfer-Encoding:", b"Host2:a", b"X:")
    ]
    wrong += [refused("folded at once", head(b"GET / HTTP/1.1", b" X: a", HOST))]
    wrong += [
        refused(f"{where} ends in {name}", sent)
        for name, end in WRONG_ENDS.items()
        for where, sent in (
            ("a field", b"GET / HTTP/1.1\r\nHost: a" + end + b"X: b\r\n\r\n"),
            ("the last field", b"GET / HTTP/1.1\r\nHost: a" + end + CRLF),
            ("the head", b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n" + end),
        )
    ]
    wrong += [
        refused(name, get(field))
        for name, field in each(
            "field", (b"nonsense", b": a", b":", b" : a", b"\x00: a", b"a b: c", b"GET / HTTP/1.1")
        )
    ]
    wrong += [
        refused("101 fields", head(b"GET / HTTP/1.1", HOST, *[b"A: b"] * 100)),
        refused(
            "a head of a byte too many", get(b"A: " + b"b" * (HEAD_LIMIT + 1 - len(get(b"A: "))))
        ),
        refused("a head without end", b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"b" * 17000),
        refused("a line without end", b"GET /" + b"b" * 17000),
    ]
    return wrong


def hosts() -> list[Asked]:
    """Host, and the target that may name another."""
    wrong = [
        refused(name, head(b"GET / HTTP/1.1", b"Host:" + (b" " if host else b"") + host))
        for name, host in each("Host", HOSTS)
    ]
    wrong += [
        refused(name, head(b"GET / HTTP/1.1", b"Host: a" + c + b"b"))
        for name, c in each("in Host", CONTROLS)
    ]
    wrong += [
        refused(f"two Hosts: {one!r} and {two!r}", head(b"GET / HTTP/1.1", one, two))
        for one in (b"Host: a", b"host:a", b"HOST: A")
        for two in (b"Host: a", b"Host: b", b"hOST:", b"Host:a ")
    ]
    wrong += [
        refused("no Host", head(b"GET / HTTP/1.1", b"X: a")),
        refused("no field at all", b"GET / HTTP/1.1\r\n\r\n"),
        refused("a Host apart", head(b"GET / HTTP/1.1", b"X-Host: a", b"Host-: a")),
    ]
    return wrong


def connections() -> list[Asked]:
    """Connection, Expect."""
    wrong = [
        refused(f"Connection names {name!r} {how}", post(*fields, b"Content-Length: 0"))
        for name in END_TO_END
        for how, fields in (
            ("alone", (b"Connection: " + name,)),
            ("in a list", (b"Connection: keep-alive , " + name + b",x",)),
            ("in a second line", (b"Connection: close", b"connection:" + name)),
        )
    ]
    wrong += [
        refused(name, get(b"Connection: " + value))
        for name, value in each(
            "Connection", (b"a b", b"a;b", b'"a"', b"a@b", b"close x", b"\xa0close", b"a," * 40)
        )
    ]
    wrong += [
        refused(name, post(*fields, b"Content-Length: 1", body=b"a"))
        for name, fields in (
            ("Expect x", (b"Expect: x",)),
            ("Expect nothing", (b"Expect:",)),
            ("Expect a list", (b"Expect: 100-continue, x",)),
            ("Expect twice in a list", (b"Expect: 100-continue, 100-continue",)),
            ("Expect with a parameter", (b"Expect: 100-continue;a=b",)),
            ("Expect x, then 100", (b"Expect: x", b"Expect: 100-continue")),
            ("Expect 100, then x", (b"Expect: 100-continue", b"Expect: x")),
            ("Expect 200-ok", (b"Expect: 200-ok",)),
            ("Expect obfuscated", (b"Expect: y 100-continue",)),
        )
    ]
    return wrong


def accepted() -> list[Asked]:
    """What is valid but rare: refused by nobody who reads the standard."""
    right = [
        same(name, get(target=b"/a" + c + b"b"))
        for name, c in each(
            "in the target", [bytes([c]) for c in b"!\"$%&'()*+,-.:;<=>?@[\\]^_`{|}~/"]
        )
    ]
    right += [
        same(name, head(method + b" / HTTP/1.1", HOST))
        for name, method in each(
            "method",
            (
                b"DELETE",
                b"OPTIONS",
                b"PATCH",
                b"M-SEARCH",
                b"FOO",
                b"get",
                b"A" * 32,
                b"TRACE",
                b"!#$%&'*+-.^_`|~",
            ),
        )
    ]
    right += [
        same(name, get(field))
        for name, field in each(
            "field",
            (
                b"X:",
                b"X: ",
                b"X:a",
                b"X: a\tb",
                b"X: \xc3\xa4\xff",
                b"X:  a  ",
                b"!#$%&'*+-.^_`|~09aZ: b",
                b"X: a:b:c",
                b'X: "a, b"',
                b"X: " + b"b" * 8000,
                b"X_Y: a",
                b"X-Transfer-Encoding: chunked",
                b"Transfer-Encodings: chunked",
                b"Content-Lengths: 5",
                b"X: a\r\nX: b",
                b"Hostess: b",
            ),
        )
    ]
    right += [
        same(name, head(b"GET / HTTP/1.1", b"Host: " + host))
        for name, host in each(
            "Host",
            (
                b"a",
                b"A.B",
                b"a.",
                b"a:",
                b"a:80",
                b"a_b",
                b"a%41",
                b"a~b",
                b"1.2.3.4",
                b"[::1]",
                b"[::1]:8080",
                b"xn--bcher-kva.a",
                b"0",
            ),
        )
    ]
    right += [
        Asked(name, get(field), get())
        for name, field in each(
            "of this hop",
            (
                b"Keep-Alive: timeout=5",
                b"Proxy-Connection: keep-alive",
                b"TE: trailers",
                b"Trailer: X",
                b"Upgrade: h2c",
                b"Upgrade: a, b/1",
                b"HTTP2-Settings: AA",
                b"Connection: keep-alive",
                b"Connection: x-a\r\nX-A: b",
                b"X-A: b\r\nConnection: , keep-alive,,X-a",
                b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk",
                b"Upgrade: websocket",
                b"Upgrade: websocket\r\nConnection: keep-alive",
                b"Connection: upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket",
                b"X-Mesh-Flag: UF",
                b"x-mesh-caller: b",
                b"X-MESH-HOP: 1",
                b"X_Mesh_Caller: b",
                b"X-Mesh_Unit: a",
                b"X-Forwarded-Client-Cert: By=a",
                b"x-mesh-: b",
                b"Expect: 100-continue",
            ),
        )
    ]
    right += [
        same("what an application may say", get(b"x-mesh-sticky: a")),
        Asked("an empty line first", CRLF + get(), get()),
        same("99 fields", head(b"GET / HTTP/1.1", HOST, *[b"A: b"] * 98)),
        same("a head as long as may be", get(b"A: " + b"b" * (HEAD_LIMIT - len(get(b"A: "))))),
        Asked("absolute", get(target=b"http://a/b?c"), get(target=b"/b?c")),
        Asked("absolute, in capitals", get(target=b"HTTP://A/"), get()),
        Asked("absolute, no path", get(target=b"http://a"), get()),
        Asked("absolute, only a query", get(target=b"http://a?b"), get(target=b"/?b")),
        Asked(
            "OPTIONS of a place",
            head(b"OPTIONS http://a HTTP/1.1", HOST),
            head(b"OPTIONS * HTTP/1.1", HOST),
        ),
        same("OPTIONS *", head(b"OPTIONS * HTTP/1.1", HOST)),
        Asked("close", get(b"Connection: close"), get(), ends=True),
        Asked("close in a list", get(b"Connection: x, Close"), get(), ends=True),
        Asked(
            "close in a second line",
            get(b"Connection: keep-alive", b"Connection: close"),
            get(),
            ends=True,
        ),
        Asked("1.0", head(b"GET / HTTP/1.0", HOST), get(), ends=True),
        Asked(
            "1.0 without a Host",
            b"GET / HTTP/1.0\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
            ends=True,
        ),
        Asked("1.0 absolute", b"GET http://a/ HTTP/1.0\r\n\r\n", get(), ends=True),
        Asked("1.0 kept", head(b"GET / HTTP/1.0", HOST, b"Connection: keep-alive"), get()),
        Asked(
            "1.0 expects",
            head(b"POST / HTTP/1.0", HOST, b"Expect: 100-continue", b"Content-Length: 1") + b"a",
            post(b"content-length: 1", body=b"a"),
            ends=True,
        ),
        Asked("pipelined", get() * 5, get() * 5, answers=5),
        Asked("an empty line between", get() + CRLF + get(), get() * 2, answers=2),
        Asked("valid, then not", get() + b"GET  / HTTP/1.1\r\n\r\n", get(), answers=2, ends=True),
    ]
    return right


HEADS = [*lines(), *names_and_values(), *hosts(), *connections(), *accepted()]
