"""Dask distributed: a scheduler, workers and a client over TCP and WebSocket, and the dashboard."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.sync.client import connect

from .running import PATIENCE, Application, Environment, Site

CLIENT = """\
import sys
import tornado
from distributed import Client

def inc(x):
    return x + 1

with Client(sys.argv[1], set_as_default=False) as client:
    print(tornado.__name__, client.submit(inc, 41).result())
    print(sum(client.gather(client.map(inc, range(200)))))
    data = client.scatter(bytes(10_000_000))
    print(client.submit(len, data).result())
    try:
        client.submit(lambda: 1 / 0).result()
    except ZeroDivisionError:
        print("raised there, caught here")
    print(sorted(client.run(lambda: __import__("tornado").__name__).values()))
"""


@pytest.fixture(scope="module")
def environment() -> Environment:
    return Environment("dask")


class Cluster:
    """A scheduler and its workers, in processes of their own."""

    def __init__(
        self, run: Callable[..., Application], environment: Environment, protocol: str
    ) -> None:
        self.scheduler = run(
            environment, "-m", "distributed.cli.dask_scheduler", "--protocol", protocol,
            "--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0",
        )
        said = self.scheduler.says(r"Scheduler at:\s+(\S+)")
        self.address = said[1]
        self.site = Site(self.scheduler.says(r"dashboard at:\s+(http://\S+?)/status")[1])
        self.workers = [
            run(
                environment, "-m", "distributed.cli.dask_worker", self.address, "--no-nanny",
                "--nthreads", "1", "--protocol", protocol, "--dashboard-address", "127.0.0.1:0",
            )
            for _ in range(2)
        ]
        for worker in self.workers:
            worker.says("Registered to")

    def stop(self) -> None:
        """End all as `kill` does, workers first; nobody may be surprised."""
        for worker in self.workers:
            assert worker.terminate() == 0, worker.log()
        assert self.scheduler.terminate() == 0, self.scheduler.log()
        for application in (*self.workers, self.scheduler):
            assert "Traceback (most" not in application.log()


@pytest.mark.parametrize("protocol", ["tcp", "ws"])
def test_a_cluster_computes(
    protocol: str, environment: Environment, run: Callable[..., Application]
) -> None:
    cluster = Cluster(run, environment, protocol)
    assert cluster.address.startswith(f"{protocol}://")
    said = environment.run("-c", CLIENT, cluster.address).splitlines()
    assert said == [
        "whirlwind 42", "20100", "10000000", "raised there, caught here",
        "['whirlwind', 'whirlwind']",
    ]
    cluster.stop()


def test_the_dashboard(environment: Environment, run: Callable[..., Application]) -> None:
    cluster = Cluster(run, environment, "tcp")
    site = cluster.site
    page = site("/status")
    assert page.status == 200
    assert page.headers["Server"].startswith("Whirlwind/")
    assert site("/").status in (301, 302)
    assert site("/health").text == "ok"
    assert "2" in site("/info/main/workers.html").text
    assert site("/metrics").status == 200
    assert site("/json/counts.json").json()["workers"] == 2
    found = re.search(r'"token":"([^"]+)"', page.text)
    assert found
    with connect(
        f"ws://{site.address}/status/ws",
        subprotocols=["bokeh", found[1]],  # type: ignore[list-item]
        origin=f"http://{site.address}",  # type: ignore[arg-type]
        open_timeout=PATIENCE,
    ) as socket:
        assert json.loads(socket.recv(PATIENCE))["msgtype"] == "ACK"
    cluster.stop()


PROGRAM = """\
import asyncio, sys
from distributed import Client, Scheduler, Worker

async def main(protocol):
    async with Scheduler(
        protocol=protocol, host="127.0.0.1", port=0, dashboard_address="127.0.0.1:0"
    ) as scheduler:
        async with Worker(scheduler.address, nthreads=1):
            async with Client(scheduler.address, asynchronous=True) as client:
                print("sum", sum(await client.gather(client.map(lambda x: x * x, range(100)))))
    print("over")

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.parametrize("protocol", ["tcp://", "ws://"])
def test_all_in_one_process(protocol: str, environment: Environment, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    said = environment.run(str(program), protocol)
    assert re.findall("^(?:sum|over).*", said, re.MULTILINE) == ["sum 328350", "over"]
    assert "Traceback" not in said
