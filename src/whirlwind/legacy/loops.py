"""``io_loop=``: everything runs on the current loop, and what asks for that one may say so."""

import functools
from collections.abc import Callable
from typing import Any, Final

from whirlwind import autoreload, gen, netutil, websocket
from whirlwind.httpclient import AsyncHTTPClient
from whirlwind.httpserver import HTTPServer
from whirlwind.ioloop import IOLoop, PeriodicCallback
from whirlwind.iostream import BaseIOStream
from whirlwind.legacy.calls import take_callback
from whirlwind.legacy.installing import override, replace
from whirlwind.legacy.warning import warn
from whirlwind.locks import Condition
from whirlwind.process import Subprocess
from whirlwind.simple_httpclient import SimpleAsyncHTTPClient
from whirlwind.tcpclient import TCPClient
from whirlwind.tcpserver import TCPServer

_ADVICE: Final = "leave it out, the loop is the current one"


def install() -> None:
    """Accept ``io_loop`` wherever Tornado 4 did, and check it."""
    # The number is the place it had among the arguments, ``self`` not counted.
    for owner, name, position in (
        (TCPServer, "__init__", 0),
        (HTTPServer, "initialize", 2),
        (BaseIOStream, "__init__", 0),
        (TCPClient, "__init__", 1),
        (PeriodicCallback, "__init__", 2),
        (Subprocess, "__init__", None),
        (AsyncHTTPClient, "initialize", 0),
        (SimpleAsyncHTTPClient, "initialize", 0),
        (netutil.ExecutorResolver, "initialize", 0),
        (netutil.BlockingResolver, "initialize", 0),
        (netutil.ThreadedResolver, "initialize", 0),
        (websocket.WebSocketClientConnection, "__init__", 0),
    ):
        _accept(owner, name, position, owner.__name__)
    _accept(gen, "with_timeout", 2, "gen.with_timeout")
    _accept(netutil, "add_accept_handler", 2, "add_accept_handler")
    _accept(autoreload, "start", 0, "autoreload.start")
    replace(Subprocess, "initialize", classmethod(_subprocess_initialize))
    override(AsyncHTTPClient, "__new__", _client_constructor)
    override(netutil.Resolver, "__new__", _resolver_constructor)
    override(websocket, "websocket_connect", _websocket_connect)
    for owner in (TCPServer, TCPClient, netutil.ExecutorResolver, Condition):
        replace(owner, "io_loop", _CurrentLoop())


class _CurrentLoop:
    """The attribute ``io_loop`` of what needs no loop of its own any more; may be assigned."""

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else IOLoop.current()


def _check(loop: Any, name: str) -> None:
    """
    :arg loop: what ``io_loop`` was; None stands for the current one.
    :raises RuntimeError: it is another one.
    """
    warn("io_loop=", _ADVICE)
    if loop is None or loop is IOLoop.current(instance=False):
        return
    if not isinstance(loop, IOLoop):
        raise TypeError(f"io_loop of {name} must be an IOLoop, not {loop!r}")
    raise RuntimeError(
        f"io_loop of {name} is not the current loop. Since Tornado 5 everything runs on the loop "
        "that is current when it is made: make it in a callback of that loop "
        "(io_loop.add_callback), or call io_loop.make_current() before"
    )


def _without_loop(
    args: tuple[Any, ...], kwargs: dict[str, Any], position: int | None, name: str
) -> tuple[Any, ...]:
    """Take the loop out of the arguments of a call, and check it.

    :arg kwargs: loses its ``io_loop``.
    :arg position: where it may stand in ``args``.
    """
    if "io_loop" in kwargs:
        _check(kwargs.pop("io_loop"), name)
    elif position is not None and len(args) > position and isinstance(args[position], IOLoop):
        _check(args[position], name)
        args = args[:position] + args[position + 1 :]
    return args


def _accept(owner: Any, name: str, position: int | None, label: str) -> None:
    def method_of(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            args = _without_loop(args, kwargs, position, label)
            return original(self, *args, **kwargs)

        return method

    def function_of(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def function(*args: Any, **kwargs: Any) -> Any:
            args = _without_loop(args, kwargs, position, label)
            return original(*args, **kwargs)

        return function

    override(owner, name, method_of if isinstance(owner, type) else function_of)


def _subprocess_initialize(cls: Any, *args: Any, **kwargs: Any) -> None:
    """Nothing to prepare, as today; but it took a loop."""
    if _without_loop(args, kwargs, 0, "Subprocess.initialize") or kwargs:
        raise TypeError("Subprocess.initialize takes no argument but io_loop")


def _client_constructor(original: Callable[..., Any]) -> Any:
    """The clients' ``__new__``, which took the loop before ``force_instance``."""

    @functools.wraps(original)
    def new(cls: Any, *args: Any, **kwargs: Any) -> Any:
        args = _without_loop(args, kwargs, 0, "AsyncHTTPClient")
        if len(args) == 2 and args[0] is None:
            args = args[1:]
        _give_loop(cls, kwargs)
        return original(cls, *args, **kwargs)

    return staticmethod(new)


def _resolver_constructor(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def new(cls: Any, *args: Any, **kwargs: Any) -> Any:
        args = _without_loop(args, kwargs, 0, "Resolver")
        _give_loop(cls, kwargs)
        return original(cls, *args, **kwargs)

    return staticmethod(new)


def _give_loop(cls: Any, kwargs: dict[str, Any]) -> None:
    """Pass the loop to a program's own kind of client or resolver that insists on getting it."""
    made = cls.configured_class() if cls is cls.configurable_base() else cls
    code = getattr(made.initialize, "__code__", None)
    if code is not None and "io_loop" in code.co_varnames[: code.co_argcount]:
        kwargs["io_loop"] = IOLoop.current()


def _websocket_connect(original: Callable[..., Any]) -> Callable[..., Any]:
    """``websocket_connect(url, io_loop, callback, ...)``."""

    @functools.wraps(original)
    def websocket_connect(url: Any, *args: Any, **kwargs: Any) -> Any:
        args = _without_loop(args, kwargs, 0, "websocket_connect")
        if len(args) > 1 and args[0] is None and callable(args[1]):
            args = args[1:]
        is_old, callback, args = take_callback(args, kwargs, 0, 9)
        if not is_old or callback is None:
            return original(url, *args, **kwargs)
        warn("callback= of websocket_connect", "await what it returns")
        if args:
            args = (None, *args)
        future = original(url, *args, **kwargs)
        IOLoop.current().add_future(future, callback)
        return future

    return websocket_connect
