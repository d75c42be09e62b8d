"""Bodies of requests: lengths, codings, chunks, and what hides behind two of them."""

from __future__ import annotations

from tests.integration.proxy.corpus.vector import (
    CHUNKED,
    CONTROLS,
    CRLF,
    HOST,
    WRONG_ENDS,
    WRONG_NUMBERS,
    Asked,
    each,
    get,
    head,
    post,
    refused,
    same,
)

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"0\r\n\r\n"
CODINGS = (
    b"xchunked",
    b"chunkedx",
    b"chunke",
    b"chunked, chunked",
    b"chunked,",
    b",chunked",
    b"identity",
    b"identity, chunked",
    b"chunked, identity",
    b"gzip",
    b"gzip, chunked",
    b"chunked, gzip",
    b"chunked;q=1",
    b"chunked;a",
    b'"chunked"',
    b"'chunked'",
    b"chunked chunked",
    b"chunked\x0b",
    b"\x0bchunked",
    b"\x0cchunked",
    b"\x00chunked",
    b"chunked\x00",
    b"c hunked",
    b"chun\xe2\x84\xaaed",
    b"chunked\xa0",
    b"\xa0chunked",
    b"\xef\xbb\xbfchunked",
    b"",
    b"trailers",
    b"chunked\x7f",
    b"x",
    b"chunked\xc2\x85",
)
CODING_NAMES = (
    b"Transfer-Encoding ",
    b" Transfer-Encoding",
    b"Transfer Encoding",
    b"Transfer\x00-Encoding",
    b"\x00Transfer-Encoding",
    b"Transfer-Encoding\x0b",
    b"\x0bTransfer-Encoding",
    b"Transfer_Encoding",
    b"transfer_encoding",
    b"X: y\nTransfer-Encoding",
    b"X: y\rTransfer-Encoding",
    b"Transfer\xadEncoding",
    b"Transfer-\xc4\xb1ncoding",
    b"Transfer-Encoding\r\n ",
    b"X: y\r\n Transfer-Encoding",
    b"\xef\xbb\xbfTransfer-Encoding",
    b"Transfer-Encoding:",
    b"Transfer-Encoding\xa0",
)
LENGTH_NAMES = (
    b"Content-Length ",
    b" Content-Length",
    b"Content_Length",
    b"CONTENT_LENGTH",
    b"Content Length",
    b"Content-Length\x0b",
    b"\x00Content-Length",
    b"X: y\nContent-Length",
    b"X: y\rContent-Length",
    b"Content\xadLength",
    b"Content-Length\r\n ",
    b"X: y\r\n\tContent-Length",
)
SIZES = (
    *(number for number in WRONG_NUMBERS if number[:1] != b"9" and number != b"0b1"),
    b" 1",
    b"1 ",
    b"1\t",
    b"\t1",
    b"",
    b"g",
    b"f" * 16,
    b"f" * 17,
    b"0" * 20 + b"1",
    b"1 ;a",
    b"1:",
    b"1=a",
    b"0x",
    b"-",
    b"1\xe2\x80\x83",
)


def lengths() -> list[Asked]:
    """Content-Length alone."""
    wrong = [
        refused(name, post(b"Content-Length: " + value, body=b"a"))
        for name, value in each("Content-Length", (*WRONG_NUMBERS, b"", b" "))
    ]
    wrong += [
        refused(name, post(field + b": 5", body=SMUGGLED))
        for name, field in each("named", LENGTH_NAMES)
    ]
    wrong += [
        refused(
            f"lengths {one!r} and {two!r} by {other!r}",
            post(b"Content-Length: " + one, other + b": " + two, body=b"a" * 5),
        )
        for one, two in ((b"5", b"5"), (b"5", b"0"), (b"0", b"5"), (b"1", b"05"))
        for other in (b"Content-Length", b"content-length", b"CONTENT-LENGTH")
    ]
    return wrong


def codings() -> list[Asked]:
    """Transfer-Encoding, alone and beside a length."""
    body = LAST + SMUGGLED
    wrong = [
        refused(name, post(b"Transfer-Encoding: " + value, body=body))
        for name, value in each("coding", CODINGS)
    ]
    wrong += [
        refused(name, post(b"Content-Length: 5", field + b": chunked", body=body))
        for name, field in each("beside a length, named", CODING_NAMES)
    ]
    wrong += [
        refused(f"CL.TE {length!r} {coding!r} {order}", post(*fields, body=body))
        for length in (b"0", b"5", b"39", b"999999")
        for coding in (b"chunked", b"Chunked", b"xchunked", b"identity", b"\tchunked")
        for order, fields in (
            ("length first", (b"Content-Length: " + length, b"Transfer-Encoding: " + coding)),
            ("coding first", (b"Transfer-Encoding: " + coding, b"Content-Length: " + length)),
        )
    ]
    wrong += [
        refused(
            f"TE.TE {one!r} {two!r}",
            post(b"Transfer-Encoding: " + one, b"Transfer-Encoding: " + two, body=body),
        )
        for one in (b"chunked", b"identity")
        for two in (b"chunked", b"x", b"identity", b"")
    ]
    wrong += [
        refused("chunked in 1.0", head(b"POST / HTTP/1.0", HOST, CHUNKED) + body),
        refused(
            "chunked in 1.0, kept",
            head(b"POST / HTTP/1.0", HOST, CHUNKED, b"Connection: keep-alive") + body,
        ),
        refused(
            "a WebSocket with a length",
            get(b"Connection: Upgrade", b"Upgrade: websocket", b"Content-Length: 5") + body,
        ),
        refused(
            "a WebSocket with chunks",
            get(b"Connection: Upgrade", b"Upgrade: websocket", CHUNKED) + body,
        ),
        refused(
            "a WebSocket by POST", post(b"Connection: Upgrade", b"Upgrade: websocket") + SMUGGLED
        ),
        refused(
            "a WebSocket in 1.0",
            head(b"GET / HTTP/1.0", HOST, b"Connection: Upgrade", b"Upgrade: websocket"),
        ),
    ]
    return wrong


def chunks() -> list[Asked]:
    """Chunks: sizes, extensions, ends, trailers."""

    def chunked(name: str, body: bytes) -> Asked:
        return refused(name, post(CHUNKED, body=b"2\r\nok\r\n" + body))

    wrong = [chunked(n, s + b"\r\n" + b"a" * 3 + CRLF + LAST) for n, s in each("size", SIZES)]
    for name, end in {**WRONG_ENDS, "nothing": b""}.items():
        wrong += [
            chunked(f"a size ends in {name}", b"1" + end + b"a\r\n" + LAST),
            chunked(f"a chunk ends in {name}", b"1\r\na" + end + LAST),
            chunked(f"an extension ends in {name}", b"1;a" + end + b"x\r\n" + LAST + b"\n"),
            chunked(f"the last size ends in {name}", b"0" + end + CRLF + SMUGGLED),
            chunked(f"a trailer ends in {name}", b"0\r\nX: y" + end + CRLF + SMUGGLED),
        ]
    wrong += [
        chunked(name, b"1;a" + c + b"b\r\nx\r\n" + LAST)
        for name, c in each("in an extension", (*CONTROLS, b"\n", b"\r"))
    ]
    wrong += [
        chunked("a quoted LF (TERM.EXT)", b'1;a="\n"\r\nx\r\n' + LAST),
        chunked("a quoted CR", b'1;a="\r"\r\nx\r\n' + LAST),
        chunked("LF after an extension (EXT.TERM)", b"1;\nxx\r\n" + LAST),
        chunked("two ends for one (ONE.TWO)", b"1\r\nx\n" + LAST),
        chunked("one end for two (TWO.ONE)", b"1\r\nx\r\n\r\n" + LAST),
        chunked("an extension without end", b"1;" + b"a" * 400),
        chunked("an extension too long", b"1;" + b"a" * 257 + b"\r\nx\r\n" + LAST),
        chunked("a chunk longer than it says", b"1\r\nxy\r\n" + LAST),
        chunked("a chunk shorter than it says", b"3\r\nxy\r\n" + LAST),
        chunked("a folded trailer", b"0\r\nX: y\r\n z\r\n\r\n"),
        chunked("a trailer without a colon", b"0\r\nnonsense\r\n\r\n"),
        chunked("a trailer with a space", b"0\r\nX : y\r\n\r\n"),
        chunked("a trailer with a NUL", b"0\r\nX: y\x00\r\n\r\n"),
        chunked("a trailer without a name", b"0\r\n: y\r\n\r\n"),
        chunked("a trailer too long", b"0\r\nX: " + b"y" * 9000 + b"\r\n\r\n"),
        chunked("a trailer without end", b"0\r\nX: " + b"y" * 9000),
        chunked("a request for a trailer", b"0\r\n" + SMUGGLED),
    ]
    return wrong


def accepted() -> list[Asked]:
    """Bodies that are valid, and what they look like behind the proxy."""
    plain = post(b"content-length: 5", body=b"abcde")
    right = [
        Asked(name, post(b"Content-Length:" + value, body=b"abcde"), plain)
        for name, value in each("length", (b"5", b" 5", b"\t5 ", b" 0005", b"5  "))
    ]
    framed = post(b"transfer-encoding: chunked", body=b"5\r\nabcde\r\n" + LAST)
    right += [
        Asked(name, post(b"Transfer-Encoding:" + value, body=b"5\r\nabcde\r\n" + LAST), framed)
        for name, value in each("coding", (b"chunked", b" Chunked", b"\tCHUNKED ", b"  chunked  "))
    ]
    right += [
        Asked(name, post(CHUNKED, body=body), framed)
        for name, body in each(
            "chunks",
            (
                b"5\r\nabcde\r\n0\r\n\r\n",
                b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n",
                b"05\r\nabcde\r\n00\r\n\r\n",
                b"5;a\r\nabcde\r\n0;b\r\n\r\n",
                b'5;a="b;c"\r\nabcde\r\n0\r\n\r\n',
                b"5;a=b;c=d\r\nabcde\r\n0\r\n\r\n",
                b'5;a="\\""\r\nabcde\r\n0\r\n\r\n',
                b"5;" + b"a" * 256 + b"\r\nabcde\r\n0\r\n\r\n",
                b"5;a=\xff\r\nabcde\r\n0\r\n\r\n",
                b"000000000000005\r\nabcde\r\n0\r\n\r\n",
                b"1\r\na\r\n1\r\nb\r\n1\r\nc\r\n1\r\nd\r\n1\r\ne\r\n0\r\n\r\n",
                b"5\r\nabcde\r\n0\r\nContent-Length: 9\r\n\r\n",
                b"5\r\nabcde\r\n0\r\nHost: b\r\n\r\n",
                b"5\r\nabcde\r\n0\r\nTransfer-Encoding: x\r\nX-Mesh-A: b\r\nCookie: c\r\n\r\n",
            ),
        )
    ]
    right += [
        Asked(
            f"{method.decode()} with {how}",
            head(method + b" / HTTP/1.1", HOST, field) + body,
            head(method + b" / HTTP/1.1", HOST, field.lower()) + body,
        )
        for method in (b"GET", b"HEAD", b"OPTIONS", b"DELETE", b"PUT", b"TRACE", b"FOO")
        for how, field, body in (
            ("a request for a body (CL.0)", b"Content-Length: %d" % len(SMUGGLED), SMUGGLED),
            ("a chunked one (TE.0)", CHUNKED, b"%x\r\n%b\r\n" % (len(SMUGGLED), SMUGGLED) + LAST),
            ("no byte", b"Content-Length: 0", b""),
            ("no chunk", CHUNKED, LAST),
        )
    ]
    right += [
        Asked(
            "a trailer",
            post(CHUNKED, body=b"1\r\na\r\n0\r\nX: y\r\nDate: z\r\n\r\n"),
            post(CHUNKED.lower(), body=b"1\r\na\r\n0\r\nX: y\r\n\r\n"),
        ),
        Asked(
            "expects, in capitals",
            post(b"Expect: 100-Continue", b"Content-Length: 1", body=b"a"),
            post(b"Expect: 100-Continue", b"content-length: 1", body=b"a"),
        ),
        Asked(
            "expects twice",
            post(b"Expect: 100-continue", b"Expect: 100-continue", b"Content-Length: 1", body=b"a"),
            post(b"Expect: 100-continue", b"Expect: 100-continue", b"content-length: 1", body=b"a"),
        ),
        Asked(
            "expects, and sends nothing (0.CL)",
            post(b"Expect: 100-continue", b"Content-Length: 0"),
            post(b"content-length: 0"),
        ),
        Asked(
            "1.0 with a body",
            head(b"POST / HTTP/1.0", HOST, b"Content-Length: 1") + b"a",
            post(b"content-length: 1", body=b"a"),
            ends=True,
        ),
        Asked(
            "a body, then a request",
            post(b"Content-Length: 1", body=b"a") + get(),
            post(b"content-length: 1", body=b"a") + get(),
            answers=2,
        ),
        Asked(
            "chunks, then a request",
            post(CHUNKED, body=LAST) + get(),
            post(CHUNKED.lower(), body=LAST) + get(),
            answers=2,
        ),
        Asked(
            "a WebSocket that is not granted",
            get(b"Connection: Upgrade", b"Upgrade: WebSocket") + SMUGGLED,
            get(b"connection: Upgrade", b"upgrade: websocket"),
            ends=True,
        ),
    ]
    right += [same("a body of many reads", post(b"content-length: 70000", body=b"z" * 70000))]
    return right


FRAMING = [*lengths(), *codings(), *chunks(), *accepted()]
