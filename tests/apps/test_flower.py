"""Flower: the pages and the API of a worker that Celery runs, with files for a broker."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .running import Application, Environment, Site, free_port

TASKS = """\
from celery import Celery
app = Celery("tasks", broker="filesystem://", backend="file://results")
app.conf.update(
    broker_transport_options={
        "data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control",
    },
    worker_send_task_events=True,
)

@app.task(name="tasks.add")
def add(x, y):
    return x + y
"""


@pytest.fixture(scope="module")
def environment() -> Environment:
    return Environment("flower")


@pytest.fixture
def flower(environment: Environment, run: Callable[..., Application], tmp_path: Path) -> Any:
    for name in ("queue", "control", "results"):
        (tmp_path / name).mkdir()
    (tmp_path / "tasks.py").write_text(TASKS)
    celery = ("-m", "celery", "-A", "tasks")
    worker = run(
        environment, *celery, "worker", "--pool", "solo", "-E", "-l", "INFO", "-n", "one@test"
    )
    worker.says("one@test ready")
    port = free_port()
    application = run(
        environment, *celery, "flower", f"--port={port}", "--address=127.0.0.1",
        "--basic-auth=me:secret", FLOWER_UNAUTHENTICATED_API="true",
    )
    application.listens(port)
    return Site(f"http://127.0.0.1:{port}")


def test_a_task_is_sent_and_seen(flower: Site) -> None:
    assert flower("/workers").status == 401
    flower.authorize("me", "secret")
    page = flower("/workers")
    assert page.status == 200
    assert page.headers["Server"].startswith("Whirlwind/")
    assert flower("/static/css/flower.css").status == 200
    sent = flower("/api/task/apply/tasks.add", "POST", {"args": [40, 2]})
    assert sent.status == 200, sent.text
    assert sent.json()["result"] == 42
    while not (told := flower("/api/tasks").json()):
        time.sleep(0.1)  # the worker's events come in their own time
    (task,) = told.values()
    assert task["name"] == "tasks.add"
    assert flower(f"/task/{sent.json()['task-id']}").status == 200
    assert flower("/metrics").status == 200
    assert flower("/absent").status == 404
