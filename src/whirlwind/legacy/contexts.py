"""Stack contexts: what surrounds a callback wherever and whenever it is called.

A ``with StackContext`` block notes itself in a context variable, and asyncio gives every callback,
task and future's callback the variables of the code that asked for it. So contexts travel by
themselves; what is done here is to enter them around a callback that runs on the loop.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TypeVar

from whirlwind._public import claim
from whirlwind.legacy.warning import warn

_T = TypeVar("_T")
_Type = type[BaseException] | None
_ExceptionHandler = Callable[[Any, Any, Any], Any]


class StackContextInconsistentError(Exception):
    """A ``with`` block of a stack context was left in other contexts than it began with."""


class _Context:
    """One layer of the stack; also the ``with`` statement that puts it there."""

    def __init__(self) -> None:
        self._active = True
        self._outer: tuple[_Context, ...] = ()
        self._inner: tuple[_Context, ...] = ()
        self._entered: AbstractContextManager[Any] | None = None

    def guard(self) -> AbstractContextManager[Any]:
        """What is entered around a callback, a new one for each call."""
        raise NotImplementedError(f"{type(self).__name__} does not define guard()")

    def deactivate(self) -> None:
        """Let callbacks be called without this layer from now on, those wrapped before too."""
        self._active = False

    def __enter__(self) -> Callable[[], None]:
        """:returns: :meth:`deactivate`."""
        entered = self.guard()
        entered.__enter__()
        self._entered = entered
        self._outer = current_contexts()
        self._inner = (*self._outer, self)
        _contexts.set(self._inner)
        return self.deactivate

    def __exit__(
        self, typ: _Type, value: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        consistent = _contexts.get() is self._inner
        _contexts.set(self._outer)
        self._inner = self._outer = ()  # it is in the one itself
        entered, self._entered = self._entered, None
        handled = entered is not None and bool(entered.__exit__(typ, value, traceback))
        if not consistent:
            raise inconsistency() from value
        return handled


def inconsistency() -> StackContextInconsistentError:
    """The error of a coroutine that yields, or a block that ends, in the wrong contexts."""
    return StackContextInconsistentError(
        "stack_context inconsistency: there may be a yield within a 'with StackContext' block; "
        "use run_with_stack_context"
    )


class StackContext(_Context):
    """Enters a context manager around a block, and around every callback that begins in it.

    Around each call a new one, made by the factory. It sees exceptions that no context further
    inside handles.

    :arg context_factory: makes the context manager, without arguments.
    """

    def __init__(self, context_factory: Callable[[], AbstractContextManager[Any]]) -> None:
        super().__init__()
        warn("stack_context.StackContext", "set a contextvars.ContextVar, which callbacks inherit")
        self.context_factory = context_factory

    def guard(self) -> AbstractContextManager[Any]:
        return self.context_factory()


class ExceptionStackContext(_Context):
    """Gives a function the exceptions of a block and of every callback that begins in it.

    :arg exception_handler: called with type, exception and traceback; what it returns tells, if
        true, that the exception is handled. Otherwise it goes on to the contexts outside.
    """

    def __init__(self, exception_handler: _ExceptionHandler) -> None:
        super().__init__()
        warn(
            "stack_context.ExceptionStackContext",
            "write async def and try: ... except: around the await",
        )
        self.exception_handler = exception_handler

    def guard(self) -> AbstractContextManager[Any]:
        return _Handler(self.exception_handler)


class Catcher(ExceptionStackContext):
    """An :class:`ExceptionStackContext` of our own: nobody is to be told to write another."""

    def __init__(self, exception_handler: _ExceptionHandler) -> None:
        _Context.__init__(self)
        self.exception_handler = exception_handler


class _Handler(AbstractContextManager[None]):
    def __init__(self, function: _ExceptionHandler) -> None:
        self._function = function

    def __exit__(
        self, typ: _Type, value: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        # Cancellation and the end of the program are none of the callback's failures.
        return isinstance(value, Exception) and bool(self._function(typ, value, traceback))


class NoContexts:
    """A block whose callbacks run in no stack context: for what outlives whoever asked for it."""

    def __init__(self) -> None:
        self._outer: tuple[_Context, ...] = ()

    def __enter__(self) -> None:
        self._outer = _contexts.get()
        _contexts.set(())

    def __exit__(
        self, typ: _Type, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _contexts.set(self._outer)


class NullContext(NoContexts):
    """A block whose callbacks run in no stack context: for what outlives whoever asked for it."""

    def __init__(self) -> None:
        super().__init__()
        warn("stack_context.NullContext", "call in an empty contextvars.Context what outlives this")


#: The contexts of the code that runs now, outermost first.
_contexts: ContextVar[tuple[_Context, ...]] = ContextVar("stack_contexts", default=())


def current_contexts() -> tuple[_Context, ...]:
    """The contexts of the code that runs now, without those that were deactivated."""
    return active(_contexts.get())


def contexts_as_set() -> tuple[_Context, ...]:
    """The same, deactivated ones included: the very object that was set."""
    return _contexts.get()


def set_contexts(contexts: tuple[_Context, ...]) -> None:
    """Make these the contexts of the code that follows; nothing is entered or left."""
    _contexts.set(contexts)


def active(contexts: tuple[_Context, ...]) -> tuple[_Context, ...]:
    """Contexts without those that were deactivated; the same object if there are none."""
    for context in contexts:
        if not context._active:
            return tuple(each for each in contexts if each._active)
    return contexts


def call_within(contexts: tuple[_Context, ...], function: Callable[[], _T]) -> _T | None:
    """Enter contexts, call a function, and leave them.

    :returns: what the function returned; None if a context handled its exception.
    :raises Exception: what the function raised and no context handled.
    """
    before = _contexts.get()
    contexts = active(contexts)
    try:
        if not contexts:
            _contexts.set(contexts)
            return function()
        with ExitStack() as leave:
            for depth, context in enumerate(contexts):
                # A layer's own code, when entered and left, runs in those outside of it.
                outside = contexts[:depth]
                _contexts.set(outside)
                leave.enter_context(context.guard())
                leave.callback(_contexts.set, outside)
            _contexts.set(contexts)
            return function()
    finally:
        _contexts.set(before)


def capture(fn: Any) -> Any:
    """What :func:`wrap` does, for this package's own use."""
    if fn is None or hasattr(fn, "stack_contexts"):
        return fn
    captured = current_contexts()

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return call_within(captured, functools.partial(fn, *args, **kwargs))

    functools.update_wrapper(wrapped, fn)
    wrapped.stack_contexts = captured  # type: ignore[attr-defined]
    return wrapped


def wrap(fn: Any) -> Any:
    """Make a function that runs ``fn`` in the contexts that are current now.

    For functions that are called from elsewhere: by a thread, a C library, an event source of
    one's own. What `IOLoop` calls back needs no wrapping.

    :arg fn: the function. None, or what was wrapped before, is returned as it is.
    """
    warn("stack_context.wrap", "call the function in a copy of the context: contextvars")
    return capture(fn)


def wrapped_in(fn: Any) -> tuple[_Context, ...] | None:
    """The contexts of a function that `wrap` has made, or that a ``partial`` of one calls."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    contexts: tuple[_Context, ...] | None = getattr(fn, "stack_contexts", None)
    return contexts


def run_with_stack_context(context: AbstractContextManager[Any], func: Callable[[], _T]) -> _T:
    """Call a function in a stack context.

    In coroutines, in place of a ``with`` block with a ``yield`` in it:
    ``yield run_with_stack_context(StackContext(ctx), lambda: other_coroutine())``.

    :returns: what the function returns.
    """
    warn("stack_context.run_with_stack_context", "await the coroutine where the variable is set")
    with context:
        return func()


claim(
    "whirlwind.stack_context",
    ExceptionStackContext,
    NullContext,
    StackContext,
    StackContextInconsistentError,
    run_with_stack_context,
    wrap,
)
