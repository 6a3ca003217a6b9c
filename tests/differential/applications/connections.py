"""Connections: how they end, limits, what is malformed, handshakes."""

from typing import Any

from tests.differential.applications.tools import (
    application,
    ask,
    both,
    form,
    get,
    head,
    httputil,
    new,
    post,
    says,
    web,
    websocket,
)


def connections(**options: Any) -> Any:
    old = [
        line.replace(b"HTTP/1.1", b"HTTP/1.0") for line in (get("/"), head("/"), post("/", b"x"))
    ]
    asked = [get("/"), get("/", "Connection: close"), get("/", "Connection: keep-alive"), *old]
    asked += [get("/", "Connection: Keep-Alive").replace(b"HTTP/1.1", b"HTTP/1.0")]
    asked += [get("/", "Connection: x, close"), get("/", "Connection: Close")]
    asked += [
        get("/") + head("/") + get("/missing") + post("/", b"body") + get("/", "Connection: close")
    ]
    asked += [b"\r\n" + get("/"), get("/").replace(b"HTTP/1.1", b"HTTP/1.2")]
    show = new(get=lambda self: self.write("x"), post=lambda self: self.write(self.request.body))
    show.head = show.get
    return web.Application([("/", show)]), {}, asked, options


@application
def connections_kept() -> Any:
    return connections()


@application
def connections_not_kept() -> Any:
    return connections(no_keep_alive=True)


@application
def behind_a_proxy() -> Any:
    show = new(get=lambda self: self.write(f"{self.request.remote_ip} {self.request.full_url()}"))
    asked = [
        get("/"),
        get("/", "X-Real-Ip: 4.4.4.4"),
        get("/", "X-Forwarded-For: 1.1.1.1, 2.2.2.2"),
    ]
    asked += [
        get("/", "X-Forwarded-For: 1.1.1.1, 9.9.9.9, 2.2.2.2"),
        get("/", "X-Real-Ip: nonsense"),
    ]
    asked += [get("/", f"X-Scheme: {s}") for s in ("https", "http", "ftp", "HTTPS")]
    asked += [get("/", f"X-Forwarded-Proto: {s}") for s in ("https", "http, https", "ws")]
    asked += [get("/", "X-Forwarded-For: ::1"), get("/", "X-Forwarded-For: 1.1.1.1, unknown")]
    options = {"xheaders": True, "trusted_downstream": ["2.2.2.2"]}
    return web.Application([("/", show)]), {}, asked, options


@application
def compressed_requests() -> Any:
    show = new(post=lambda self: self.write(repr(self.request.body) + repr(self.request.arguments)))
    packed = bytes.fromhex("1f8b08000000000002034bb44d524bb64d010015c0440407000000")  # a=b&c=d
    asked = [form("/", packed, "Content-Encoding: gzip"), form("/", b"a=b"), post("/", packed)]
    asked += [
        form("/", b"junk", "Content-Encoding: gzip"),
        form("/", packed, "Content-Encoding: x"),
    ]
    return web.Application([("/", show)]), {}, asked, {"decompress_request": True}


@application
def limits() -> Any:
    show = new(post=lambda self: self.write(str(len(self.request.body))))
    asked = [post("/", b"x" * 100), post("/", b"x" * 101), get("/", "X: " + "y" * 2000)]
    asked += [
        ask("POST", "/", "Transfer-Encoding: chunked") + b"65\r\n" + b"x" * 101 + b"\r\n0\r\n\r\n"
    ]
    options = {"max_body_size": 100, "max_header_size": 1000}
    return web.Application([("/", show)]), {}, asked, options


@application
def expectations() -> Any:
    show = new(post=lambda self: self.write(self.request.body))
    asked = [post("/", b"x", "Expect: 100-continue"), post("/", b"", "Expect: 100-continue")]
    asked += [
        ask("POST", "/", "Expect: 100-continue", "Transfer-Encoding: chunked")
        + b"1\r\nx\r\n0\r\n\r\n"
    ]
    return [("/", show)], {}, asked


@application
def malformed_requests() -> Any:
    asked = [b"nonsense\r\n\r\n", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"]
    asked += [b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n"]
    asked += [get("/", "no colon"), get("/", "a b: c"), get("/", " folded: c"), get("/", "a: b\0")]
    asked += [get("/", "Host: a", "Host: a"), get("/", "Host: a/b"), get("/", "Host: a b")]
    lengths = ["+3", "-1", "0x3", "1_0", "", "3, 4", "a"]
    asked += [ask("POST", "/", f"Content-Length: {n}") + b"abc" for n in lengths]
    asked += [ask("POST", "/", "Content-Length: 3", "Transfer-Encoding: chunked") + b"0\r\n\r\n"]
    asked += [ask("POST", "/", "Content-Length: 3, 3") + b"abc", get("/\0"), get("/a b")]
    return [("/.*", says("x"))], {}, asked


@application
def detached() -> Any:
    async def take(self: Any) -> None:
        self.set_status(101)
        self.set_header("Connection", "Upgrade")
        self.set_header("Upgrade", "mine")
        stream = self.detach()
        await stream.write(b"HTTP/1.1 200 Detached\r\nContent-Length: 2\r\n\r\nok")
        stream.close()

    return [("/", new(get=take))], {}, [get("/")]


@application
def connections_used_directly() -> Any:
    def callback(request: Any) -> None:
        start = httputil.ResponseStartLine("HTTP/1.1", 202, "Fine")
        headers = httputil.HTTPHeaders({"X-A": "b"})
        headers.add("X-C", "d")
        headers.add("X-C", "e")
        if request.path == "/sized":
            headers["Content-Length"] = "4"
        request.connection.write_headers(start, headers)
        request.connection.write(b"bo")
        request.connection.write(b"dy")
        request.connection.finish()

    asked = [*both("/", "/sized"), get("/").replace(b"HTTP/1.1", b"HTTP/1.0")]
    return callback, {}, asked


@application
def handshakes() -> Any:
    class Socket(websocket.WebSocketHandler):  # type: ignore[misc, name-defined]
        def open(self, *args: Any) -> None:
            self.close(1000)

        def select_subprotocol(self, subprotocols: list[str]) -> str | None:
            return "b" if "b" in subprotocols else None

    good = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    asked = [get("/"), get("/", *good), get("/", *good, key, "Origin: http://evil.example")]
    asked += [get("/", *good[1:], key), get("/", good[0], good[2], key), post("/", b"", *good, key)]
    asked += [get("/", *good[:2], "Sec-WebSocket-Version: 12", key), get("/", *good[:2], key)]
    asked += [get("/", *good, key), get("/", *good, key, "Origin: http://example.com")]
    asked += [
        get("/", *good, key, "Sec-WebSocket-Protocol: a, b"),
        get("/", *good, "Sec-WebSocket-Key:"),
    ]
    asked += [
        get("/", *good, key, "Sec-WebSocket-Protocol: c"),
        get("/", *good[:2], good[2] + "0", key),
    ]
    return [("/", Socket)], {}, asked
