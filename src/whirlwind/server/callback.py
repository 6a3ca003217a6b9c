"""A plain callable as the application."""

from collections.abc import Callable
from typing import Any

from whirlwind.gen import convert_yielded
from whirlwind.httputil.request import HTTPServerRequest
from whirlwind.ioloop import IOLoop


class CallbackApplication:
    """Calls a function with each complete request."""

    def __init__(self, callback: Callable[[HTTPServerRequest], Any]) -> None:
        """
        :arg callback: answers the request on its ``connection``, now or later; an awaitable that
            it returns is awaited, and its exception logged.
        """
        self._callback = callback

    def serve(self, request: HTTPServerRequest) -> None:
        """Call the callback."""
        result = self._callback(request)
        if result is not None:
            IOLoop.current().add_future(convert_yielded(result), lambda done: done.result())

    def open_body(self, request: HTTPServerRequest) -> None:
        """Bodies are collected."""
        return
