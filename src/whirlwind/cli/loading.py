"""From ``package.module:app`` to what an HTTP server calls."""

import asyncio
import concurrent.futures
import difflib
import functools
import importlib
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

from whirlwind.asgi import ASGIContainer, LifespanError
from whirlwind.cli.errors import FAILED, CommandError
from whirlwind.cli.settings import Settings
from whirlwind.httputil import HTTPServerConnectionDelegate
from whirlwind.log import gen_log
from whirlwind.wsgi import WSGIContainer

_SPECIFICATION = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*)(?::([^\W\d]\w*(?:\.[^\W\d]\w*)*))?")

#: What applications and factories are called by people who do not call them ``app``.
_USUAL: Final = ("application", "make_app", "create_app", "asgi", "wsgi")

#: Seconds after which a factory that has not returned is told of.
_PATIENCE: Final = 5.0


class LoadedApplication:
    """An application, ready to be given to a server.

    :arg target: what the server calls.
    :arg container: of an ASGI application, for its lifespan.
    :arg executor: where a WSGI application runs.
    """

    def __init__(
        self,
        target: Any,
        container: ASGIContainer | None = None,
        executor: concurrent.futures.ThreadPoolExecutor | None = None,
    ) -> None:
        self.target = target
        self._container = container
        self._executor = executor

    async def startup(self) -> None:
        """Tell the application that it is about to serve.

        :raises CommandError: it can not.
        """
        if self._container is not None:
            try:
                await self._container.startup()
            except LifespanError as error:
                raise _failure(f"cannot start: {error}", error.__cause__) from error

    async def drain(self, timeout: float) -> bool:
        """Let it end what it does for requests that are over.

        :arg timeout: seconds after which that is cancelled.
        :returns: False when something was.
        """
        return self._container is None or await self._container.drain(timeout)

    async def shutdown(self) -> None:
        """Tell it that the last request was served.

        :raises CommandError: it fails.
        """
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
        if self._container is not None:
            try:
                await self._container.shutdown()
            except LifespanError as error:
                raise _failure(f"did not stop properly: {error}", error.__cause__) from error


def import_target(specification: str) -> Any:
    """Import what ``package.module:app`` names.

    :arg specification: module and attribute; without the latter it is ``app``.
    :raises CommandError: there is no such thing, or the module fails.
    """
    match = _SPECIFICATION.fullmatch(specification)
    if match is None:
        raise CommandError(f"{specification!r} does not have the form package.module:app")
    name, path = match.groups()
    path = path or "app"
    folder = os.getcwd()
    if folder not in sys.path and "" not in sys.path:
        # As for `python -m`; installed commands have their own folder there.
        sys.path.insert(0, folder)
    try:
        found: Any = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            hint = "; give the module's name, without .py" if name.endswith(".py") else ""
            raise CommandError(
                f"there is no module {error.name!r} in {folder} nor among what is installed{hint}"
            ) from None
        raise _failure(f"cannot import {name}: {error}", error) from error
    except (Exception, SystemExit) as error:
        raise _failure(f"cannot import {name}: {_reason(error)}", error) from error
    for part in path.split("."):
        if not hasattr(found, part):
            names = [each for each in vars(found) if not each.startswith("_")]
            near = difflib.get_close_matches(part, names, 1)
            near = near or [each for each in _USUAL if each in names]
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise CommandError(f"module {name!r} has no {path!r}{hint}")
        found = getattr(found, part)
    return found


async def load(settings: Settings) -> LoadedApplication:
    """Import the application, call it if it is a factory, and find out what it is.

    :raises CommandError: it is not there, fails, or is nothing that can be served.
    """
    found = import_target(settings.app)
    if settings.interface == "auto" and _arity(found) == 0:
        found = await call_factory(found, settings.app)
        if found is None or _arity(found) == 0:
            raise CommandError(f"{settings.app} returns {_shown(found)}, which is no application")
    return _adapt(found, settings)


async def call_factory(factory: Callable[[], Any], specification: str) -> Any:
    """Call what makes an application, a coroutine function too.

    :raises CommandError: it raises.
    """
    try:
        made = factory()
        if not inspect.isawaitable(made):
            return made
        waiting = asyncio.get_running_loop().call_later(
            _PATIENCE,
            gen_log.warning,
            "%s has not returned an application yet; one that serves by itself never does",
            specification,
        )
        try:
            return await made
        finally:
            waiting.cancel()
    except Exception as error:
        raise _failure(f"{specification} fails: {_reason(error)}", error) from error


def is_factory(found: Any) -> bool:
    """Whether it has to be called to get an application."""
    return _arity(found) == 0


def _adapt(found: Any, settings: Settings) -> LoadedApplication:
    try:
        return adapt(found, settings.interface, settings.threads)
    except TypeError as error:
        raise CommandError(
            f"{settings.app} is {error}; for one whose arguments do not tell, give "
            "--interface asgi or --interface wsgi"
        ) from None


def adapt(found: Any, interface: str = "auto", threads: int = 16) -> LoadedApplication:
    """Make an application of any kind one that a server calls.

    :arg found: an `Application`, another delegate, a container, a callback for requests, an ASGI
        or a WSGI application.
    :arg interface: ``asgi`` or ``wsgi`` for one whose arguments do not tell.
    :arg threads: number of threads for a WSGI application.
    :raises TypeError: it is no application; the text names it.
    """
    if interface == "auto":
        if isinstance(found, ASGIContainer):
            return LoadedApplication(found, found)
        if isinstance(found, HTTPServerConnectionDelegate | WSGIContainer):
            return LoadedApplication(found)
    arity = {"asgi": 3, "wsgi": 2}.get(interface) or _arity(found)
    if not callable(found) or arity not in (1, 2, 3):
        raise TypeError(f"{_shown(found)}, and no application")
    if arity == 3:
        container = ASGIContainer(found)
        return LoadedApplication(container, container)
    if arity == 2:
        executor = concurrent.futures.ThreadPoolExecutor(threads, "wsgi")
        return LoadedApplication(WSGIContainer(found, executor), executor=executor)
    return LoadedApplication(found)


def _arity(found: Any) -> int | None:
    """How many arguments a call needs: 0 a factory, 1 a request, 2 WSGI, 3 ASGI; None: unknown."""
    if isinstance(found, HTTPServerConnectionDelegate | WSGIContainer) or not callable(found):
        return None
    try:
        parameters = inspect.signature(found).parameters.values()
    except (ValueError, TypeError):
        return None
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return None
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(each.default is each.empty and each.kind in positional for each in parameters)


def _shown(found: Any) -> str:
    text = repr(found)
    return text if len(text) <= 60 else f"a {type(found).__qualname__}"


def _reason(error: BaseException) -> str:
    """An exception in one line, and what to do about it where people go wrong."""
    lines = f"{type(error).__name__}: {error}".splitlines()
    if isinstance(error, RuntimeError) and "event loop" in lines[0] and "running" in lines[0]:
        return f"{lines[0]} (what is served must not run one itself)"
    return lines[0]


def _failure(message: str, error: BaseException | None) -> CommandError:
    """What to say about an error in the application: with the traceback, from there on."""
    details = ""
    if error is not None:
        trace = _of_the_application(error.__traceback__)
        details = "".join(traceback.format_exception(type(error), error, trace))
    return CommandError(message, FAILED, details)


@functools.cache
def _machinery() -> tuple[str, ...]:
    return (os.path.dirname(__file__) + os.sep, "<frozen importlib", importlib.__file__)


def _of_the_application(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_machinery()):
        trace = trace.tb_next
    return trace
