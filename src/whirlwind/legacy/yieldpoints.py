"""What coroutines could yield before there were futures: callbacks by key, and waiting for them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from whirlwind._public import claim
from whirlwind.concurrent import Future, future_set_result_unless_cancelled
from whirlwind.gen import convert_yielded, is_coroutine_function
from whirlwind.ioloop import IOLoop
from whirlwind.legacy.contexts import Catcher, capture
from whirlwind.legacy.futures import CallbackFuture
from whirlwind.legacy.installing import install
from whirlwind.legacy.warning import warn
from whirlwind.log import app_log

_Quiet = type[BaseException] | tuple[type[BaseException], ...]


class Arguments(NamedTuple):
    """What a callback was called with, if that was not just one value."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class YieldPoint:
    """Base of what a coroutine may wait for, by methods that its runner calls.

    Subclass it to adapt a source of events: in :meth:`start`, ``runner.register_callback(key)`` and
    hand out ``runner.result_callback(key)``.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.__module__.startswith("whirlwind."):
            warn("gen.YieldPoint", "give the class a method __await__, or make a future")

    def start(self, runner: Any) -> None:
        """The coroutine has yielded this object.

        :arg runner: the :class:`~whirlwind.legacy.runner.Runner` of the coroutine.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define start()")

    def is_ready(self, runner: Any) -> bool:
        """Tell whether the coroutine can go on."""
        raise NotImplementedError(f"{type(self).__name__} does not define is_ready()")

    def get_result(self, runner: Any) -> Any:
        """Return the value of the ``yield``, or raise; called once, when it is ready."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_result()")


class Callback(YieldPoint):
    """Yields a function at once; a later `Wait` for the key gives what it was called with.

    :arg key: any hashable object, which no callback that is outstanding has.
    """

    def __init__(self, key: Any) -> None:
        warn("gen.Callback", "make a future and give its set_result as the callback")
        self.key = key

    def start(self, runner: Any) -> None:
        runner.register_callback(self.key)

    def is_ready(self, runner: Any) -> bool:
        return True

    def get_result(self, runner: Any) -> Callable[..., None]:
        return cast("Callable[..., None]", runner.result_callback(self.key))


class Wait(YieldPoint):
    """Waits until the `Callback` with a key is called; yields its argument, or :class:`Arguments`.

    :arg key: the callback's key.
    """

    def __init__(self, key: Any) -> None:
        warn("gen.Wait", "await the future whose set_result is the callback")
        self.key = key

    def start(self, runner: Any) -> None:
        pass

    def is_ready(self, runner: Any) -> bool:
        return cast("bool", runner.is_ready(self.key))

    def get_result(self, runner: Any) -> Any:
        return runner.pop_result(self.key)


class WaitAll(YieldPoint):
    """Waits for several callbacks; yields the list of what `Wait` gives, in the order of the keys.

    :arg keys: the callbacks' keys.
    """

    def __init__(self, keys: Iterable[Any]) -> None:
        warn("gen.WaitAll", "await gen.multi of futures")
        self.keys: list[Any] = list(keys)

    def start(self, runner: Any) -> None:
        pass

    def is_ready(self, runner: Any) -> bool:
        return all(runner.is_ready(key) for key in self.keys)

    def get_result(self, runner: Any) -> list[Any]:
        return [runner.pop_result(key) for key in self.keys]


class YieldFuture(YieldPoint):
    """A future as a :class:`YieldPoint`.

    :arg future: the future, or something else that `gen.convert_yielded` takes.
    :arg io_loop: the loop to wait on; the current one when None.
    """

    def __init__(self, future: Any, io_loop: IOLoop | None = None) -> None:
        self.future: Future[Any] = convert_yielded(future)
        self.io_loop: IOLoop = IOLoop.current() if io_loop is None else io_loop

        self._waits = False

    def start(self, runner: Any) -> None:
        if not self.future.done():
            self._waits = True
            runner.register_callback(self)
            self.io_loop.add_future(self.future, runner.result_callback(self))

    def is_ready(self, runner: Any) -> bool:
        return not self._waits or bool(runner.is_ready(self))

    def get_result(self, runner: Any) -> Any:
        if self._waits:
            runner.pop_result(self)
        return self.future.result()


class MultiYieldPoint(YieldPoint):
    """Waits for several things; yields a list or dictionary of their results.

    When several fail, the first one's exception is raised and the others are logged.

    :arg children: a list or dictionary of yield points, futures and all else that can be yielded.
    :arg quiet_exceptions: types that are not logged.
    """

    def __init__(
        self, children: Sequence[Any] | Mapping[Any, Any], quiet_exceptions: _Quiet = ()
    ) -> None:
        self.keys: list[Any] | None = None
        if isinstance(children, Mapping):
            self.keys = list(children)
            children = list(children.values())
        self.children: list[YieldPoint | YieldFuture] = [
            as_point(child) or YieldFuture(child) for child in children
        ]
        self.unfinished_children: set[YieldPoint | YieldFuture] = set(self.children)
        self.quiet_exceptions = quiet_exceptions

    def start(self, runner: Any) -> None:
        for child in self.children:
            child.start(runner)

    def is_ready(self, runner: Any) -> bool:
        self.unfinished_children = {
            child for child in self.unfinished_children if not child.is_ready(runner)
        }
        return not self.unfinished_children

    def get_result(self, runner: Any) -> Any:
        results = []
        first: Exception | None = None
        for child in self.children:
            try:
                results.append(child.get_result(runner))
            except Exception as error:
                if first is None:
                    first = error
                elif not isinstance(error, self.quiet_exceptions):
                    app_log.error("Multiple exceptions in yield list", exc_info=True)
        if first is not None:
            try:
                raise first
            finally:
                first = None  # its traceback has this frame
        return results if self.keys is None else dict(zip(self.keys, results, strict=True))


def as_point(yielded: Any) -> YieldPoint | None:
    """What a coroutine has yielded as a yield point, if it is one or a collection with one."""
    if isinstance(yielded, YieldPoint):
        return yielded
    if isinstance(yielded, (list, dict)) and _has_point(yielded):
        return MultiYieldPoint(yielded)
    return None


def _has_point(children: Any) -> bool:
    if isinstance(children, dict):
        children = children.values()
    return any(
        isinstance(child, YieldPoint) or (isinstance(child, (list, dict)) and _has_point(child))
        for child in children
    )


def one_value(*args: Any, **kwargs: Any) -> Any:
    """What a callback was called with as one value: None, the argument, or :class:`Arguments`."""
    if kwargs or len(args) > 1:
        return Arguments(args, kwargs)
    return args[0] if args else None


def Task(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
    """Call a function that wants a ``callback`` argument.

    :arg func: called at once with ``args`` and ``kwargs`` and a ``callback``; coroutines may be
        given too, which need none.
    :returns: a future of what the callback is called with, :class:`Arguments` if that is not just
        one value; or of the exception of ``func``, or of a callback that begins in it.
    """
    install()
    warn("gen.Task", "await a coroutine, or a future whose set_result is the callback")
    if _is_coroutine_without_callback(func):
        return convert_yielded(func(*args, **kwargs))
    future = CallbackFuture()

    def fail(typ: Any, value: Any, traceback: Any) -> bool:
        if future.done():
            return False
        future.set_exception(value)
        return True

    def callback(*args: Any, **kwargs: Any) -> None:
        future_set_result_unless_cancelled(future, one_value(*args, **kwargs))

    with Catcher(fail):
        func(*args, callback=capture(callback), **kwargs)
    return future


def _is_coroutine_without_callback(func: Any) -> bool:
    plain = func
    while isinstance(plain, functools.partial):
        plain = plain.func
    code = getattr(getattr(plain, "__func__", plain), "__code__", None)
    # By its code: what is only marked as a coroutine function may take a callback all the same.
    is_native = code is not None and code.co_flags & inspect.CO_COROUTINE
    if not (is_native or is_coroutine_function(func)):
        return False
    return "callback" not in inspect.signature(func).parameters


claim(
    "whirlwind.legacy",
    Arguments,
    Callback,
    MultiYieldPoint,
    Task,
    Wait,
    WaitAll,
    YieldFuture,
    YieldPoint,
)
