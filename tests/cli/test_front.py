"""The health path, and the count of requests."""

from typing import Any

import pytest

from whirlwind.cli.front import Front
from whirlwind.httputil import HTTPServerRequest


class Connection:
    """Takes down what is answered."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    def set_close_callback(self, callback: Any) -> None:
        pass

    def write_headers(self, start_line: Any, headers: Any, chunk: bytes | None = None) -> None:
        self.said += [start_line.code, headers["Content-Length"], chunk]

    def finish(self) -> None:
        self.said.append("finished")


def request(path: str, method: str = "GET") -> HTTPServerRequest:
    connection: Any = Connection()
    return HTTPServerRequest(method, path, connection=connection)


@pytest.mark.parametrize(
    ("draining", "method", "said"),
    [
        (False, "GET", [200, "3", b"ok\n", "finished"]),
        (False, "HEAD", [200, "3", None, "finished"]),
        (True, "GET", [503, "9", b"draining\n", "finished"]),
    ],
)
def test_the_health_path_tells_whether_the_process_drains(draining, method, said) -> None:
    seen: list[str] = []
    front = Front(lambda request: seen.append(request.path), "/up", lambda: seen.append("counted"))
    front.draining = draining
    asked = request("/up?verbose", method)
    front.serve(asked)
    assert asked.connection.said == said  # type: ignore[union-attr]
    front.serve(request("/other"))
    assert seen == ["counted", "/other"]
