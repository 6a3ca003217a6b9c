"""Small tools that the other modules, and programs, lean on."""

import builtins
import importlib
import re
import types
import warnings
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from sys import is_finalizing
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from whirlwind._public import NameLookup, legacy_names

# Private in Tornado too, but programs and tests use them.
from whirlwind.protocol.masking import mask as _websocket_mask  # noqa: F401
from whirlwind.protocol.masking import mask as _websocket_mask_python  # noqa: F401

if TYPE_CHECKING:
    import unittest  # 10 ms of start-up for one annotation

__all__ = [
    "ArgReplacer",
    "Configurable",
    "GzipDecompressor",
    "ObjectDict",
    "TimeoutError",
    "basestring_type",
    "bytes_type",
    "doctests",
    "errno_from_exception",
    "exec_in",
    "import_object",
    "is_finalizing",
    "raise_exc_info",
    "re_unescape",
    "timedelta_to_seconds",
    "unicode_type",
]

# Names from the days of two Pythons; programs still import them.
bytes_type = bytes
unicode_type = str
basestring_type = str

#: What the package raises when a wait runs out: the builtin, under the name Tornado gives it.
TimeoutError = builtins.TimeoutError


class ObjectDict(dict[str, Any]):
    """A dictionary whose items can also be read and set as attributes.

    >>> page = ObjectDict(title="Home")
    >>> page.visits = 3
    >>> page.title, page["visits"]
    ('Home', 3)
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


class GzipDecompressor:
    """Decompress a gzip stream piece by piece (RFC 1952), one or several members long.

    Bytes after the last member that do not start another one are an error, and so is a stream that
    stops inside a member: both would let a peer say one thing and a proxy read another.
    """

    _MAGIC = b"\x1f\x8b"

    def __init__(self) -> None:
        self._member = self._new_member()
        self._started = False
        self._tail = b""

    @staticmethod
    def _new_member() -> "zlib._Decompress":
        return zlib.decompressobj(16 + zlib.MAX_WBITS)

    def decompress(self, value: bytes, max_length: int = 0) -> bytes:
        """Decompress the next piece.

        :arg value: bytes, the next compressed bytes; after a call that left an
            :attr:`unconsumed_tail`, that tail followed by what has arrived since.
        :arg max_length: int, the most bytes to return; what would exceed it stays compressed in
            :attr:`unconsumed_tail`. 0 means no limit, which is safe only for trusted input, and
            leaving the argument out is deprecated as in Tornado 6.6.
        :returns: bytes.
        :raises zlib.error: the input is not gzip, is damaged, or is followed by something else.
        :raises ValueError: ``max_length`` is negative.
        """
        if max_length == 0:
            warnings.warn(
                "GzipDecompressor.decompress needs a max_length: without one a few bytes of input"
                " can fill the memory",
                DeprecationWarning,
                stacklevel=2,
            )
        if max_length < 0:
            raise ValueError("max_length must not be negative")
        self._tail = b""
        output: list[bytes] = []
        room = max_length
        while value:
            if not self._started:
                # Set before the check, so that after the error flush() fails as well.
                self._started = True
                # A first byte alone may still become a member.
                if not self._MAGIC.startswith(value[:2]):
                    raise zlib.error(f"expected a gzip member, got {value[:2]!r}")
            piece = self._member.decompress(value, room)
            output.append(piece)
            if not self._member.eof:
                self._tail = self._member.unconsumed_tail
                break
            value = self._member.unused_data
            self._member = self._new_member()
            self._started = False
            if max_length:
                room -= len(piece)
                if room <= 0:
                    self._tail = value
                    break
        return b"".join(output)

    @property
    def unconsumed_tail(self) -> bytes:
        """bytes, compressed input that the last call did not get to because of ``max_length``."""
        return self._tail

    def flush(self) -> bytes:
        """Say that the input has ended.

        :returns: bytes, always empty: everything has been returned by :meth:`decompress`.
        :raises zlib.error: the stream stops inside a member.
        :raises ValueError: an :attr:`unconsumed_tail` has not been passed back.
        """
        if self._tail:
            raise ValueError("pass unconsumed_tail to decompress before calling flush")
        if self._started:
            raise zlib.error("the gzip stream is truncated")
        return b""


def import_object(name: str) -> Any:
    """Import a module, or an attribute of one, by its dotted name.

    >>> import os.path
    >>> import_object("os.path") is os.path
    True
    >>> import_object("os.path.join") is os.path.join
    True

    :arg name: str, such as ``"package.module.Class"``.
    :returns: the module or attribute.
    :raises ImportError: there is no such module or attribute.
    """
    parent_name, _, attribute = name.rpartition(".")
    if not parent_name:
        return importlib.import_module(name)
    parent = importlib.import_module(parent_name)
    try:
        return getattr(parent, attribute)
    except AttributeError:
        pass
    if hasattr(parent, "__path__"):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            # A module that exists but imports a missing one must say which.
            if error.name != name:
                raise
    raise ImportError(f"{parent_name!r} has no attribute or module {attribute!r}", name=name)


def exec_in(
    code: str | bytes | types.CodeType,
    glob: dict[str, Any],
    loc: Mapping[str, Any] | None = None,
) -> None:
    """Execute code in the given namespaces, free of this module's compiler flags.

    :arg code: source text or a code object.
    :arg glob: dict, the global namespace.
    :arg loc: mapping, the local namespace; the global one when None.
    """
    if isinstance(code, str | bytes):
        code = compile(code, "<string>", "exec", dont_inherit=True)
    exec(code, glob, loc)


def raise_exc_info(
    exc_info: tuple[type[BaseException] | None, BaseException | None, types.TracebackType | None],
) -> NoReturn:
    """Raise again what ``sys.exc_info()`` returned, with its traceback.

    :arg exc_info: tuple of type, value and traceback.
    :raises TypeError: the tuple holds no exception.
    """
    error, traceback = exc_info[1], exc_info[2]
    if error is None:
        raise TypeError("there is no exception in exc_info to raise")
    try:
        raise error.with_traceback(traceback)
    finally:
        # The traceback refers to this frame: drop the frame's references back to it.
        del exc_info, error, traceback


def errno_from_exception(e: BaseException) -> int | None:
    """Return the ``errno`` of an exception, whether it is an attribute or the first argument.

    :arg e: the exception.
    :returns: int, or None when it carries none.
    """
    if hasattr(e, "errno"):
        number: int | None = e.errno
        return number
    if e.args:
        first: int | None = e.args[0]
        return first
    return None


_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def re_unescape(s: str) -> str:
    r"""Undo :func:`re.escape`.

    >>> re_unescape(r"a\.b\-c")
    'a.b-c'

    :arg s: str, output of ``re.escape``.
    :returns: str.
    :raises ValueError: ``s`` has an escape that ``re.escape`` never writes, such as ``\d``.
    """

    def unescape(match: re.Match[str]) -> str:
        character = match[1]
        if character.isascii() and character.isalnum():
            raise ValueError(f"cannot unescape {match[0]!r}: it is not the output of re.escape")
        return character

    return _ESCAPED.sub(unescape, s)


class Configurable:
    """A base class that constructs one of its implementations, chosen while the program runs.

    Calling the base constructs the implementation picked with :meth:`configure`; calling an
    implementation constructs that one. Implementations define :meth:`initialize` in the place of
    ``__init__``.

    A base defines :meth:`configurable_base` and :meth:`configurable_default`.
    """

    __impl_class: ClassVar[type["Configurable"] | None] = None
    __impl_kwargs: ClassVar[dict[str, Any] | None] = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        base = cls.configurable_base()
        if cls is base:
            implementation = cls.configured_class()
            saved = base.__impl_kwargs
            if saved:
                kwargs = {**saved, **kwargs}
        else:
            implementation = cls
        if implementation.configurable_base() is not base:
            # The implementation is itself a base with a choice of its own.
            return implementation(*args, **kwargs)
        instance = super().__new__(implementation)
        # Not __init__: Python would run that with the caller's arguments only, unmerged.
        instance.initialize(*args, **kwargs)
        return instance

    @classmethod
    def configurable_base(cls) -> type[Any]:
        """Return the class that the choice belongs to, usually the one that defines this method."""
        raise NotImplementedError(f"{cls.__qualname__} must define configurable_base()")

    @classmethod
    def configurable_default(cls) -> type[Any]:
        """Return the implementation to use while none has been configured."""
        raise NotImplementedError(f"{cls.__qualname__} must define configurable_default()")

    def _initialize(self) -> None:
        """Take the constructor's arguments; implementations define their own."""

    # An attribute, so that a subclass may define it with any parameters under a type checker.
    initialize: Callable[..., None] = _initialize

    @classmethod
    def configure(cls, impl: str | type[Any] | None, **kwargs: Any) -> None:
        """Choose the implementation that calls of the base construct from now on.

        :arg impl: a subclass, its dotted name, or None for the default.
        :arg kwargs: arguments added to each such call; the call's own win.
        :raises ValueError: ``impl`` is not a subclass.
        """
        base = cls.configurable_base()
        chosen: type[Any] | None = import_object(impl) if isinstance(impl, str) else impl
        if chosen is not None and not issubclass(chosen, cls):
            raise ValueError(f"{chosen!r} is not a subclass of {cls!r}")
        base.__impl_class = chosen
        base.__impl_kwargs = kwargs

    @classmethod
    def configured_class(cls) -> type[Any]:
        """Return the implementation that a call of the base constructs.

        :raises ValueError: none is configured and there is no default.
        """
        base = cls.configurable_base()
        # Looked up in the base itself: an enclosing hierarchy has its own choice.
        chosen: type[Any] | None = base.__dict__.get("_Configurable__impl_class")
        if chosen is None:
            chosen = cls.configurable_default()
            if chosen is None:
                raise ValueError(f"{base!r} has neither a configured nor a default implementation")
            base.__impl_class = chosen
        return chosen

    @classmethod
    def _save_configuration(cls) -> tuple[type[Any] | None, dict[str, Any] | None]:
        base = cls.configurable_base()
        return base.__impl_class, base.__impl_kwargs

    @classmethod
    def _restore_configuration(cls, saved: tuple[type[Any] | None, dict[str, Any] | None]) -> None:
        base = cls.configurable_base()
        base.__impl_class, base.__impl_kwargs = saved


class ArgReplacer:
    """Read or replace one argument of a call, whether it is passed by position or by name.

    :arg func: the function that is called.
    :arg name: str, the parameter's name.
    """

    def __init__(self, func: Callable[..., Any], name: str) -> None:
        self.name = name
        #: int, the parameter's position, or None when it can only be passed by name.
        self.arg_pos: int | None
        try:
            self.arg_pos = self._parameter_names(func).index(name)
        except ValueError:
            self.arg_pos = None

    @staticmethod
    def _parameter_names(func: Callable[..., Any]) -> Sequence[str]:
        import inspect  # 7 ms of start-up where asyncio has not imported it anyway

        try:
            return inspect.getfullargspec(func).args
        except TypeError:
            # A Cython function without binding has no signature but has a code object.
            code = getattr(func, "func_code", None) or getattr(func, "__code__", None)
            if code is None:
                return ()
            names: tuple[str, ...] = code.co_varnames
            return names[: code.co_argcount]

    def get_old_value(
        self, args: Sequence[Any], kwargs: dict[str, Any], default: Any = None
    ) -> Any:
        """Return the argument's value in a call.

        :arg args: the positional arguments.
        :arg kwargs: dict, the named ones.
        :arg default: returned when the call does not pass the argument.
        """
        if self.arg_pos is not None and len(args) > self.arg_pos:
            return args[self.arg_pos]
        return kwargs.get(self.name, default)

    def replace(
        self, new_value: Any, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> tuple[Any, Sequence[Any], dict[str, Any]]:
        """Replace the argument in a call.

        :arg new_value: what to pass instead.
        :arg args: the positional arguments; not changed.
        :arg kwargs: dict, the named ones; changed in place.
        :returns: tuple of the old value (None if absent), the new positional arguments and
            ``kwargs``.
        """
        if self.arg_pos is not None and len(args) > self.arg_pos:
            old_value = args[self.arg_pos]
            args = list(args)
            args[self.arg_pos] = new_value
        else:
            old_value = kwargs.get(self.name)
            kwargs[self.name] = new_value
        return old_value, args, kwargs


def timedelta_to_seconds(td: timedelta) -> float:
    """Return a time span in seconds; the same as ``td.total_seconds()``."""
    return td.total_seconds()


def doctests() -> "unittest.TestSuite":
    """Return the examples in this module's docstrings as tests."""
    import doctest

    return doctest.DocTestSuite("whirlwind.util")

__getattr__: NameLookup = legacy_names(__name__)
