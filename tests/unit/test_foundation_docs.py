"""What docs/foundation.md says about loop, streams and processes, tried."""

import ast
import asyncio
import datetime
import inspect
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.loops import Certificate, Run, certificate, run, stream_pair
from whirlwind import gen
from whirlwind.ioloop import IOLoop
from whirlwind.iostream import IOStream, StreamClosedError, UnsatisfiableReadError
from whirlwind.locks import Event, Semaphore
from whirlwind.netutil import _SSL_OPTION_NAMES
from whirlwind.protocol import limits
from whirlwind.queues import Queue
from whirlwind.tcpclient import TCPClient

__all__ = ["certificate", "run"]

DOCUMENT = Path(__file__).parents[2] / "docs/foundation.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.S)


#: A wait that is this long is a hang.
PATIENCE = 60.0


def free_ports() -> dict[str, str]:
    """Ports that stand for those of the document."""
    with socket.socket() as one, socket.socket() as other:
        for sock in (one, other):
            sock.bind(("127.0.0.1", 0))
        return {"8888": str(one.getsockname()[1]), "8889": str(other.getsockname()[1])}


def with_ports(example: str, ports: dict[str, str]) -> str:
    return re.sub("|".join(ports), lambda stated: ports[stated.group()], example)


def starts_a_loop(example: str) -> bool:
    return "whirlwind.run(" in example


def test_examples(
    run: Run,
    certificate: Certificate,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Those that are pieces of a coroutine run in the order of the document."""
    monkeypatch.chdir(tmp_path)
    for name, source in (("server.pem", 0), ("server.key", 1), ("authority.pem", 0)):
        Path(name).write_text(Path(certificate[source]).read_text())
    ports = free_ports()
    names: dict[str, Any] = {}

    async def main() -> None:
        for example in EXAMPLES:
            if starts_a_loop(example):
                continue
            source = with_ports(example, ports)
            code = compile(source, DOCUMENT.name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            waiting = eval(code, names)
            if inspect.iscoroutine(waiting):
                await waiting
        served = names["server"].streams | names["secure"].streams
        for stream in [names["ann"], names["bob"], names["cid"], names["dan"], *served]:
            stream.close()
        names["server"].stop()
        names["secure"].stop()
        await asyncio.gather(*names["workers"], return_exceptions=True)

    run(main)
    printed = capsys.readouterr().out.splitlines()
    assert printed == ["2", "4", "too late", "alone", "with one other at most"]


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def test_the_first_program(tmp_path: Path) -> None:
    (program,) = [example for example in EXAMPLES if "def main()" in example]
    done = subprocess.run(
        [sys.executable, "-c", program], env=_environment(), capture_output=True, check=True
    )
    assert done.stdout == b"hello\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_several_processes(tmp_path: Path) -> None:
    (chat,) = [example for example in EXAMPLES if "class Chat" in example]
    (several,) = [example for example in EXAMPLES if "fork_processes(" in example]
    ports = free_ports()
    # Without the lines that start to serve in the process that defines the class.
    definition = chat[: chat.index("server = Chat()")]
    program = tmp_path / "program.py"
    source = f"import asyncio\nimport whirlwind\n{definition}\n{with_ports(several, ports)}"
    program.write_text(source)
    process = subprocess.Popen(
        [sys.executable, "-u", program],
        env=_environment(),
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        # Unbuffered, texts and ends of lines of two processes may mix.
        printed = process.stdout.readline() + process.stdout.readline()
        assert sorted(re.findall(rb"child \d serves", printed)) == [
            b"child 0 serves",
            b"child 1 serves",
        ]
        with socket.create_connection(("127.0.0.1", int(ports["8888"])), PATIENCE) as sock:
            assert sock.makefile("rb").readline() == b"welcome\n"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_times(run: Run) -> None:
    """Numbers that are points in time are over at once; `timedelta` is an interval."""

    async def main() -> None:
        loop = IOLoop.current()
        hour, day = datetime.timedelta(hours=1), 86400.0
        for waiting in (
            Queue[int]().get(timeout=day),
            Semaphore(0).acquire(timeout=day),
            Event().wait(timeout=day),
            gen.with_timeout(day, asyncio.Event().wait()),
        ):
            with pytest.raises(TimeoutError):
                await waiting
        called = asyncio.Event()
        loop.add_timeout(day, called.set)
        await called.wait()
        late = [loop.call_at(loop.time() + day, called.clear)]
        late += [loop.call_later(day, called.clear), loop.add_timeout(hour, called.clear)]
        queue: Queue[int] = Queue()
        getting = queue.get(timeout=hour)
        await gen.sleep(0)
        await gen.sleep(0)
        assert called.is_set()
        assert not getting.done()
        queue.put_nowait(1)
        assert await getting == 1
        for timeout in late:
            loop.remove_timeout(timeout)
        listening = socket.create_server(("127.0.0.1", 0))
        with listening:
            host, port = listening.getsockname()
            for limit in (hour, day):
                (await TCPClient().connect(host, port, timeout=limit)).close()

    run(main)


def test_an_end_that_does_not_come(run: Run) -> None:
    async def main() -> None:
        one, other = stream_pair()
        await one.write(b"x" * 100)
        with pytest.raises(StreamClosedError) as caught:
            await other.read_until(b"\n", max_bytes=10)
        assert isinstance(caught.value.real_error, UnsatisfiableReadError)
        one.close()

    run(main)


def test_names_and_numbers() -> None:
    (table,) = re.findall(r"## Streams\n.*?\n\n(\|.*?)\n\n", TEXT, re.S)
    for name in re.findall(r"`(\w+)\(", table):
        assert callable(getattr(IOStream, name))
    assert f"`max_buffer_size` ({limits.MAX_STREAM_BUFFER} bytes)" in TEXT
    (options,) = re.findall(r"a dict of (.*?)\. On a client", " ".join(TEXT.split()))
    assert set(re.findall(r"`(\w+)`", options)) == _SSL_OPTION_NAMES
