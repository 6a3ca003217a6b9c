"""The lifespan protocol: an application hears when its server starts and stops."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from whirlwind.asgi.errors import LifespanError, MessageError
from whirlwind.log import app_log

Application = Callable[[dict[str, Any], Callable[..., Any], Callable[..., Any]], Awaitable[None]]


class Lifespan:
    """One run of an application's lifespan, in a task of its own.

    :ivar state: what the application put into ``scope["state"]`` while it started.
    """

    def __init__(self, app: Application, mode: Literal["auto", "on"]) -> None:
        self._app = app
        self._mode = mode
        self.state: dict[str, Any] = {}
        self._events: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._answer: asyncio.Future[None] | None = None
        self._expected = ""
        self._task: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        """Start the application.

        :raises LifespanError: it says that it can not start; or, in mode ``on``, it ended or failed
            without an answer.
        """
        self._task = asyncio.create_task(self._run())
        try:
            await self._ask("startup", self._task)
        except BaseException:
            await self.cancel()
            raise

    async def shutdown(self) -> None:
        """Stop the application, if it takes part in the protocol.

        :raises LifespanError: it failed to.
        """
        task = self._task
        if task is None or task.done():
            return
        try:
            await self._ask("shutdown", task)
        finally:
            await self.cancel()

    async def cancel(self) -> None:
        """End the task, whatever it waits for."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _ask(self, phase: str, task: "asyncio.Task[None]") -> None:
        self._expected = f"lifespan.{phase}"
        answer = self._answer = asyncio.get_running_loop().create_future()
        self._events.put_nowait({"type": self._expected})
        await asyncio.wait([answer, task], return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            answer.result()
            return
        error = None if task.cancelled() else task.exception()
        if phase == "startup" and self._mode == "auto":
            # The specification: one that raises does not know the protocol.
            app_log.debug("The ASGI application takes no part in lifespan", exc_info=error)
            return
        if error is not None or phase == "startup":
            raise LifespanError(
                f"the ASGI application ended without an answer to {self._expected}"
            ) from error

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            await self._app(scope, self._events.get, self._send)
        except Exception:
            answer = self._answer
            if answer is None or not answer.done():
                raise  # whoever waits for the answer tells
            app_log.error("Uncaught exception in lifespan", exc_info=True)

    async def _send(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        answer = self._answer
        if answer is None or answer.done() or not kind.startswith(self._expected + "."):
            raise MessageError(f"unexpected ASGI message {kind!r} in lifespan")
        if kind.endswith(".complete"):
            answer.set_result(None)
        elif kind.endswith(".failed"):
            reason = message.get("message") or "no reason given"
            answer.set_exception(LifespanError(f"the ASGI application answers {kind}: {reason}"))
        else:
            raise MessageError(f"unknown ASGI message {kind!r} in lifespan")
