"""Streams, servers, addresses and subprocesses."""

import asyncio
import os
import socket
import ssl
import tempfile
from typing import Any

from tests.differential.scenarios.tools import (
    error_of,
    gen,
    iostream,
    netutil,
    outcome,
    pair,
    process,
    scenario,
    tcpclient,
    tcpserver,
)


@scenario
async def reads() -> Any:
    one, other = pair()
    data = b"0123456789 line\nrest of it;;tail"
    await one.write(data)
    buffer = bytearray(4)
    found = [
        await other.read_bytes(0),
        await other.read_bytes(3),
        await other.read_until(b"\n"),
        await other.read_until_regex(rb";+"),
        await other.read_into(buffer),
        buffer,
        other.reading(),
    ]
    await one.write(b"abc")
    found += [
        await other.read_bytes(100, partial=True),
        other.reading(),
    ]
    waiting = other.read_until(b"!")
    found += [other.reading(), error_of(other.read_bytes, 1)]
    one.write(b"now!end")
    found.append(await waiting)
    one.close()
    found += [
        await other.read_until_close(),
        other.closed(),
        await outcome(other.read_until_close()),
    ]
    return [*found, error_of(other.read_bytes, 1), error_of(other.write, b"x"), other.error]


@scenario
async def reads_of_nothing() -> Any:
    one, other = pair()
    await one.write(b"abc")
    found = [await other.read_bytes(0), await other.read_into(bytearray(0))]
    found.append(await other.read_bytes(0, partial=True))
    one.close()
    found.append(await outcome(other.read_until(b"z")))
    found += [other.closed(), await outcome(other.read_until_close())]
    other.close()
    return found


@scenario
async def limits_of_reads() -> Any:
    found: list[Any] = []
    for size, limit in ((10, 10), (10, 9), (30, 20)):
        one, other = pair()
        one.write(b"x" * (size - 1) + b"\n")
        result = await outcome(other.read_until(b"\n", max_bytes=limit))
        real = getattr(result, "real_error", None)
        found.append([result, real, other.closed(), other.error])
        other.close()
        result = await outcome(one.read_until_regex(b"y", max_bytes=3))
        found.append([result, one.closed()])
    one, other = pair(max_buffer_size=100)
    other.write(b"x" * 1000)
    await asyncio.sleep(0)
    found += [error_of(one.read_until, b"\n"), one.closed(), one.error]
    one, other = pair(max_buffer_size=100)
    other.write(b"x" * 1000)
    found.append(error_of(one.read_bytes, 200))
    return found


@scenario
async def writes() -> Any:
    one, other = pair()
    found = [
        await one.write(b""),
        await one.write(memoryview(b"abc")),
        await one.write(bytearray(b"de")),
        error_of(one.write, "text"),
        error_of(one.write, None),
        one.writing(),
        await other.read_bytes(5),
    ]
    limited, reader = pair(max_write_buffer_size=1000)
    found.append(error_of(limited.write, b"x" * 2000))
    big = one.write(b"x" * 5_000_000)
    small = one.write(b"y")
    found += [one.writing(), big.done()]
    found.append(len(await other.read_bytes(5_000_001)))
    await small
    found += [big.done(), one.writing()]
    for stream in (one, other, limited, reader):
        stream.close()
    return [*found, error_of(one.write, b"x"), one.closed(), one.writing(), one.reading()]


@scenario
async def closings() -> Any:
    found: list[Any] = []
    one, other = pair()
    called: list[int] = []
    one.set_close_callback(lambda: called.append(1))
    waiting = one.read_bytes(5)
    one.close()
    one.close()
    found += [called[:], await outcome(waiting)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    # A callback that is set now would be called as well, as it was until Tornado 5.
    found.append(called[:])
    try:
        raise KeyError(1)
    except KeyError:
        other.close(exc_info=True)
    found += [other.error, await outcome(other.read_until_close())]
    one, other = pair()
    one.close(exc_info=ValueError("why"))
    result = error_of(one.read_bytes, 1)
    found += [result, result.real_error, one.error]
    gone = asyncio.Event()
    other.set_close_callback(gone.set)
    await gone.wait()
    found += [other.closed(), other.error]
    return found


@scenario
async def resets() -> Any:
    listener = socket.create_server(("127.0.0.1", 0))
    client = iostream.IOStream(socket.socket())
    await client.connect(listener.getsockname())
    accepted, _ = listener.accept()
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    accepted.close()
    result = await outcome(client.read_bytes(1))
    found = [result, result.real_error, client.error]
    # While writing more than the kernel takes.
    client = iostream.IOStream(socket.socket())
    await client.connect(listener.getsockname())
    accepted, _ = listener.accept()
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    waiting = client.write(b"x" * 20_000_000)
    accepted.close()
    result = await outcome(waiting)
    found += [result, isinstance(result.real_error, ConnectionError), client.closed()]
    listener.close()
    # Nobody listens any more.
    client = iostream.IOStream(socket.socket())
    result = await outcome(client.connect(listener_address := ("127.0.0.1", 1)))
    return [*found, listener_address, result, result.real_error, client.closed()]


@scenario
async def pipes() -> Any:
    reading, writing = os.pipe()
    source, sink = iostream.PipeIOStream(reading), iostream.PipeIOStream(writing)
    sink.write(b"one\ntwo")
    found = [await source.read_until(b"\n"), source.fileno() == reading]
    sink.close()
    found += [await source.read_until_close(), source.closed()]
    return found


@scenario
async def tls_of_busy_streams() -> Any:
    one, other = pair()
    waiting = one.read_bytes(1)
    found = [error_of(one.start_tls, True, {})]
    other.write(b"ab")
    await waiting
    found.append(error_of(one.start_tls, False))
    one.close()
    found.append(error_of(one.start_tls, False))
    other.close()
    return found


@scenario
async def servers() -> Any:
    class Echo(tcpserver.TCPServer):  # type: ignore[misc, name-defined]
        async def handle_stream(self, stream: Any, address: Any) -> None:
            line = await stream.read_until(b"\n")
            await stream.write(line.upper())
            if line == b"fail\n":
                raise KeyError
            stream.close()

    server = Echo()
    sockets = netutil.bind_sockets(0, "127.0.0.1")
    port = sockets[0].getsockname()[1]
    server.add_sockets(sockets)
    client = tcpclient.TCPClient()
    found: list[Any] = []
    for line in (b"hello\n", b"fail\n"):
        stream = await client.connect("localhost", port, af=socket.AF_INET)
        await stream.write(line)
        found.append(await stream.read_until(b"\n"))
    server.stop()
    server.stop()
    result = await outcome(client.connect("127.0.0.1", port))
    found += [result, result.real_error]
    found.append(await outcome(client.connect("127.0.0.1", port, timeout="x")))
    found.append(await outcome(client.connect("::1", port, af=socket.AF_INET)))
    client.close()
    silent = tcpserver.TCPServer()
    found += [error_of(silent.handle_stream, None, None), silent.start(), error_of(silent.start)]
    for options in ({}, {"certfile": "/nonexistent"}):
        found.append(error_of(tcpserver.TCPServer, ssl_options=options))
    await asyncio.sleep(0.01)
    return found


@scenario
async def tls() -> Any:
    certificate = {"certfile": os.environ["CERTFILE"], "keyfile": os.environ["KEYFILE"]}
    trusting = ssl.create_default_context(cafile=certificate["certfile"])
    hands: list[Any] = []
    done = asyncio.Event()

    class Echo(tcpserver.TCPServer):  # type: ignore[misc, name-defined]
        async def handle_stream(self, stream: Any, address: Any) -> None:
            hands.append(await outcome(stream.wait_for_handshake()))
            line = await outcome(stream.read_until(b"\n"))
            if isinstance(line, list):
                await stream.write(line[0].upper())
                stream.close()
            done.set()

    server = Echo(ssl_options=certificate)
    sockets = netutil.bind_sockets(0, "127.0.0.1")
    port = sockets[0].getsockname()[1]
    server.add_sockets(sockets)
    client = tcpclient.TCPClient()
    stream = await client.connect("127.0.0.1", port, ssl_options=trusting)
    await stream.write(b"hello\n")
    found = [
        await stream.read_until_close(),
        isinstance(stream, iostream.SSLIOStream),
        await outcome(client.connect("127.0.0.1", port, ssl_options={})),
        await outcome(client.connect("127.0.0.1", port, ssl_options={"cert_reqs": ssl.CERT_NONE})),
    ]
    found.pop()[0].close()
    await done.wait()
    done.clear()
    plain_stream = await client.connect("127.0.0.1", port)
    await plain_stream.write(b"GET / HTTP/1.0\r\n\r\n" * 9)
    await done.wait()
    plain_stream.close()
    # Connected, and then turned to TLS from both sides.
    one, other = pair()
    one.write(b"now\n")
    await other.read_until(b"\n")
    sides = [
        one.start_tls(True, certificate),
        other.start_tls(False, trusting, server_hostname="localhost"),
    ]
    one, other = await gen.multi(sides)
    await one.write(b"secret")
    found.append(await other.read_bytes(6))
    one.close()
    other.close()
    server.stop()
    return [*found, hands]


@scenario
async def addresses() -> Any:
    # Not "1.2.3" and "1", which inet_aton takes for addresses, and so does Tornado; nor port 70000,
    # which is 4464 there.
    names = ("127.0.0.1", "::1", "localhost", "", None, "4.4.4.4 ", "[::1]", "\0", "é")
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "socket")
    sock = netutil.bind_unix_socket(path)
    mode = oct(os.stat(path).st_mode & 0o777)
    sock.close()
    again = netutil.bind_unix_socket(path)
    again.close()
    handle, file = tempfile.mkstemp(dir=folder)
    os.close(handle)
    resolver = netutil.Resolver()
    override = netutil.OverrideResolver(
        resolver,
        {"a": "127.0.0.1", ("b", 1): ("127.0.0.1", 2), ("c", 3, socket.AF_INET): ("::1", 4)},
    )
    return [
        [error_of(netutil.is_valid_ip, name) for name in names],
        mode,
        error_of(netutil.bind_unix_socket, file),
        error_of(netutil.bind_sockets, 0, "::1", socket.AF_INET),
        await resolver.resolve("127.0.0.1", 80, socket.AF_INET),
        await override.resolve("a", 5, socket.AF_INET),
        await override.resolve("b", 1, socket.AF_INET),
        await override.resolve("127.0.0.1", 1, socket.AF_INET),
        await outcome(netutil.BlockingResolver().resolve("::1", 80, socket.AF_INET)),
        await outcome(netutil.DefaultExecutorResolver().resolve("::1", 80, socket.AF_INET)),
        await outcome(netutil.DefaultLoopResolver().resolve("::1", 80, socket.AF_INET)),
        error_of(netutil.ssl_options_to_context, {"nonsense": 1}),
        error_of(netutil.ssl_options_to_context, {"certfile": "/nonexistent"}),
        error_of(netutil.ssl_options_to_context, None),
    ]


@scenario
async def subprocesses() -> Any:
    Subprocess = process.Subprocess
    shell = Subprocess(
        ["sh", "-c", "read x; echo got $x; echo bad >&2; exit 3"],
        stdin=Subprocess.STREAM,
        stdout=Subprocess.STREAM,
        stderr=Subprocess.STREAM,
    )
    await shell.stdin.write(b"word\n")
    found = [
        await shell.stdout.read_until_close(),
        await shell.stderr.read_until_close(),
        await shell.wait_for_exit(raise_error=False),
        shell.returncode,
        isinstance(shell.pid, int),
    ]
    result = await outcome(Subprocess(["false"]).wait_for_exit())
    found += [result, result.returncode]
    result = await outcome(Subprocess(["sh", "-c", "kill -9 $$"]).wait_for_exit())
    found += [result.returncode, await Subprocess(["true"]).wait_for_exit()]
    seen = asyncio.get_running_loop().create_future()
    Subprocess(["true"]).set_exit_callback(seen.set_result)
    found += [await seen, error_of(Subprocess, ["/nonexistent"])]
    found += [process.task_id(), process.cpu_count() > 0]
    return found
