"""Options of a program, from the command line and from configuration files.

Each module defines the options it needs, and reads them from one shared object::

    define("port", default=8888, help="port to listen on")


    def main():
        parse_command_line()
        app.listen(options.port)

``python server.py --port=80 --log_file_prefix=/var/log/server.log`` then sets them, and
``--help`` lists them. Dashes and underscores in names mean the same (Tornado 4.3).

The options of :mod:`whirlwind.log` are defined here too; parsing sets logging up unless
``options.logging`` is None or ``"none"``. Anyone who would rather use `argparse` can do so: nothing
else in the package depends on this module.
"""

import datetime
import difflib
import numbers
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TextIO

from whirlwind._public import claim
from whirlwind.log import define_logging_options

__all__ = [
    "Error",
    "OptionParser",
    "OptionValueError",
    "add_parse_callback",
    "define",
    "options",
    "parse_command_line",
    "parse_config_file",
    "print_help",
]

_Type = type
_Callback = Callable[[Any], object]


class Error(Exception):
    """An option that does not exist, or a value that does not fit it."""


class OptionValueError(Error, ValueError):
    """A text that is no value of the option's type; a ValueError too, as in Tornado."""


# --- values ------------------------------------------------------------------------------------

_TRUE = frozenset(("true", "t", "1", "yes", "y", "on", ""))
_FALSE = frozenset(("false", "f", "0", "no", "n", "off"))


def _parse_bool(text: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("true and false, yes and no, on and off, 1 and 0 are understood")


# Looser than ISO 8601: parts without leading zero, times without a day. `time.ctime()` comes first.
_DATETIME_FORMATS = (
    "%a %b %d %H:%M:%S %Y",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y%m%d %H:%M:%S",
    "%Y%m%d %H:%M",
    "%Y-%m-%d",
    "%Y%m%d",
    "%H:%M:%S",
    "%H:%M",
)


def _parse_datetime(text: str) -> datetime.datetime:
    for form in _DATETIME_FORMATS:
        try:
            return datetime.datetime.strptime(text, form)
        except ValueError:
            continue
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("write it as 2026-11-22 17:00:00, or another form of ISO 8601") from None


_AMOUNT = re.compile(
    r"\s*(?P<number>[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<unit>[a-z]*)\s*"
)
_UNITS = {
    unit: argument
    for argument, units in {
        "weeks": "w week weeks",
        "days": "d day days",
        "hours": "h hour hours",
        "minutes": "m min minute minutes",
        "seconds": "s sec second seconds",
        "milliseconds": "ms millisecond milliseconds",
        "microseconds": "us microsecond microseconds",
    }.items()
    for unit in units.split()
}


def _parse_timedelta(text: str) -> datetime.timedelta:
    total = datetime.timedelta()
    start = 0
    while start < len(text):
        match = _AMOUNT.match(text, start)
        unit = match and _UNITS.get(match["unit"] or "s")
        if match is None or unit is None:
            raise ValueError("write it as 90, 90s, 1.5h or 2d 12h; units are w d h m s ms us")
        total += datetime.timedelta(**{unit: float(match["number"])})
        start = match.end()
    return total


_PARSERS: dict[Any, Callable[[str], Any]] = {
    bool: _parse_bool,
    datetime.datetime: _parse_datetime,
    datetime.date: datetime.date.fromisoformat,
    datetime.timedelta: _parse_timedelta,
}


def _is_integral(kind: Any) -> bool:
    return isinstance(kind, _Type) and issubclass(kind, numbers.Integral) and kind is not bool


# --- one option --------------------------------------------------------------------------------


class _Option:
    """One option: how it was defined, and its value."""

    UNSET = object()

    def __init__(
        self,
        name: str,
        default: Any = None,
        type: Any = str,
        help: str | None = None,
        metavar: str | None = None,
        multiple: bool = False,
        file_name: str | None = None,
        group_name: str | None = None,
        callback: _Callback | None = None,
    ) -> None:
        self.name = name
        self.type = type
        self.help = help
        self.metavar = metavar
        self.multiple = multiple
        self.file_name = file_name
        self.group_name = group_name
        self.callback = callback
        self.default = [] if default is None and multiple else default
        self._value: Any = _Option.UNSET

    def value(self) -> Any:
        """The value that was set, or the default."""
        return self.default if self._value is _Option.UNSET else self._value

    def parse(self, value: str) -> Any:
        """Set the value from a text of the command line; returns it."""
        if not self.multiple:
            return self._assign(self._parse_one(value))
        values: list[Any] = []
        for part in value.split(","):
            first, colon, last = part.partition(":")
            if colon and _is_integral(self.type):
                low = self._parse_one(first)
                values.extend(range(low, (self._parse_one(last) if last else low) + 1))
            else:
                values.append(self._parse_one(part))
        return self._assign(values)

    def _parse_one(self, text: str) -> Any:
        try:
            return _PARSERS.get(self.type, self.type)(text)
        except ValueError as error:
            raise OptionValueError(
                f"Option {self.name!r} needs a value of type {self._kind()}, not {text!r}: {error}"
            ) from error

    def set(self, value: Any) -> None:
        """Set the value to an object of the option's type, or None."""
        if self.multiple:
            fits = isinstance(value, list) and all(self._fits(item) for item in value)
            if not fits:
                raise Error(f"Option {self.name!r} is required to be a list of {self._kind()}")
        elif not self._fits(value):
            raise Error(
                f"Option {self.name!r} is required to be a {self._kind()} ({type(value)} given)"
            )
        if self.type is float and value is not None:
            value = [float(item) for item in value] if self.multiple else float(value)
        self._assign(value)

    def set_from_file(self, value: Any) -> None:
        """Set the value from a configuration file: an object, or a text as for `parse`."""
        if isinstance(value, str) and (self.multiple or self.type is not str):
            self.parse(value)
        elif self.multiple and not isinstance(value, list):
            raise Error(
                f"Option {self.name!r} is required to be a list of {self._kind()} "
                "or a comma-separated string"
            )
        else:
            self.set(value)

    def _kind(self) -> str:
        return getattr(self.type, "__name__", None) or repr(self.type)

    def _fits(self, value: Any) -> bool:
        if value is None or not isinstance(self.type, type):  # a function can only parse
            return True
        return isinstance(value, self.type) or (self.type is float and isinstance(value, int))

    def _assign(self, value: Any) -> Any:
        self._value = value
        if self.callback is not None:
            self.callback(value)
        return value


# --- all options -------------------------------------------------------------------------------


def _normalize(name: str) -> str:
    return name.replace("_", "-")


class OptionParser:
    """A set of options, read and set as attributes or as items.

    `options` of this module is the one that programs normally use; others serve subcommands and
    tests.
    """

    def __init__(self) -> None:
        # Not `self.x = ...`: that sets options.
        self.__dict__["_options"] = {}
        self.__dict__["_parse_callbacks"] = []
        self.define(
            "help",
            type=bool,
            help="show this help and exit",
            callback=self._show_help,
            group="",
        )

    _options: dict[str, _Option]
    _parse_callbacks: list[Callable[[], object]]

    def _find(self, name: str) -> _Option:
        try:
            return self._options[_normalize(name)]
        except KeyError:
            raise AttributeError(f"Unrecognized option {name!r}: define() it first") from None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_options" not in self.__dict__:
            # Protocols that look for methods, and copies that have no attributes yet.
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self._find(name).value()

    def __setattr__(self, name: str, value: Any) -> None:
        self._find(name).set(value)

    def __getitem__(self, name: str) -> Any:
        return self._find(name).value()

    def __setitem__(self, name: str, value: Any) -> None:
        self._find(name).set(value)

    def __iter__(self) -> Iterator[str]:
        return (option.name for option in self._options.values())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _normalize(name) in self._options

    def items(self) -> list[tuple[str, Any]]:
        """Give pairs of name and value, names as they were defined."""
        return [(option.name, option.value()) for option in self._options.values()]

    def as_dict(self) -> dict[str, Any]:
        """Give all options as a dict, names as they were defined."""
        return dict(self.items())

    def groups(self) -> set[str]:
        """Give the names of the groups that options were defined in."""
        return {option.group_name or "" for option in self._options.values()}

    def group_dict(self, group: str) -> dict[str, Any]:
        """Give the options of one group as a dict, for instance for an application's settings.

        :arg group: name of the group; all options if it is empty.
        """
        return {
            option.name: option.value()
            for option in self._options.values()
            if not group or option.group_name == group
        }

    def define(
        self,
        name: str,
        default: Any = None,
        type: Any = None,
        help: str | None = None,
        metavar: str | None = None,
        multiple: bool = False,
        group: str | None = None,
        callback: _Callback | None = None,
    ) -> None:
        """Define an option.

        :arg name: its name; dashes and underscores are the same.
        :arg default: its value unless it is set. It is not checked against the type.
        :arg type: `str`, `int`, `float`, `bool`, `datetime.datetime`, `datetime.date`,
            `datetime.timedelta`, or any class or function that makes a value of a text and raises
            `ValueError` when it cannot. Unless given, the type of ``default``, or else `str`.
        :arg help: what ``--help`` says about it.
        :arg metavar: what ``--help`` shows for the value: ``--name=METAVAR``.
        :arg multiple: the value is a list of ``type``, written ``a,b,c``; of integers also as
            ranges, ``1:3`` for 1, 2, 3.
        :arg group: heading under which ``--help`` lists it, and name for `group_dict`; None takes
            the file that defines it.
        :arg callback: called with the new value each time the option is set.
        :raises Error: it is defined already.
        """
        key = _normalize(name)
        known = self._options.get(key)
        if known is not None:
            raise Error(f"Option {key!r} already defined in {known.file_name or 'whirlwind'}")
        file_name = _defining_file()
        if type is None:
            type = str if default is None or multiple else default.__class__
        self._options[key] = _Option(
            name,
            default=default,
            type=type,
            help=help,
            metavar=metavar,
            multiple=multiple,
            file_name=file_name,
            group_name=file_name if group is None else group,
            callback=callback,
        )

    def parse_command_line(self, args: list[str] | None = None, final: bool = True) -> list[str]:
        """Set options from command line arguments.

        ``--name=value`` sets an option, with one dash or two; ``--name`` alone sets a `bool` to
        True. The first argument without a dash ends the options, and so does ``--``.

        :arg args: the arguments; the first is the name of the program and not looked at. None takes
            ``sys.argv``.
        :arg final: run the parse callbacks: False for all but the last source of options.
        :returns: the arguments that are no options.
        :raises Error: an option does not exist, or its value does not fit.
        """
        if args is None:
            args = sys.argv
        rest: list[str] = []
        for index, arg in enumerate(args[1:], 1):
            if arg == "--":
                rest = args[index + 1 :]
                break
            if not arg.startswith("-") or arg == "-":
                rest = args[index:]
                break
            self._parse_argument(arg)
        if final:
            self.run_parse_callbacks()
        return rest

    def _parse_argument(self, arg: str) -> None:
        name, equals, value = arg.lstrip("-").partition("=")
        key = _normalize(name)
        option = self._options.get(key)
        if option is None:
            if arg == "-h":
                self._show_help(True)
            self._refuse(name, key)
        if not equals:
            if option.type is not bool:
                raise Error(f"Option {name!r} requires a value")
            value = "true"
        option.parse(value)

    def _refuse(self, name: str, key: str) -> NoReturn:
        self.print_help()
        hint = difflib.get_close_matches(key, self._options, n=1)
        raise Error(
            f"Unrecognized command line option: {name!r}"
            + (f"; did you mean --{hint[0]}?" if hint else "")
        )

    def parse_config_file(self, path: str, final: bool = True) -> None:
        """Set options from a configuration file, which is Python code and is executed.

        A variable whose name is that of an option sets it, to a value of the option's type or to a
        text as on the command line; a list is written as a list or as ``"a,b,c"``. Other variables
        are the file's own affair. ``__file__`` is its absolute path.

        :arg path: the file, in UTF-8.
        :arg final: as for `parse_command_line`.
        :raises Error: a value does not fit.
        """
        file = Path(path).absolute()
        variables: dict[str, Any] = {"__file__": str(file)}
        exec(compile(file.read_bytes(), str(file), "exec", dont_inherit=True), variables)
        for name, value in variables.items():
            option = self._options.get(_normalize(name))
            if option is not None:
                option.set_from_file(value)
        if final:
            self.run_parse_callbacks()

    def print_help(self, file: TextIO | None = None) -> None:
        """Print all options with their help.

        :arg file: where to; None is ``sys.stderr``.
        """
        if file is None:
            file = sys.stderr
        print(f"Usage: {sys.argv[0]} [OPTIONS]\n\nOptions:\n", file=file)
        by_group: dict[str, list[_Option]] = {}
        for option in self._options.values():
            by_group.setdefault(option.group_name or "", []).append(option)
        for group in sorted(by_group):
            if group:
                print(f"\n{group} options:\n", file=file)
            for option in sorted(by_group[group], key=lambda option: option.name):
                print("\n".join(_help_lines(option)), file=file)
        print(file=file)

    def _show_help(self, wanted: bool) -> None:
        if wanted:
            self.print_help()
            sys.exit(0)

    def add_parse_callback(self, callback: Callable[[], object]) -> None:
        """Call ``callback()`` whenever a final parse is done."""
        self._parse_callbacks.append(callback)

    def run_parse_callbacks(self) -> None:
        """Call what was given to `add_parse_callback`."""
        for callback in self._parse_callbacks:
            callback()

    def mockable(self) -> "_Mockable":
        """Make an object whose attributes are the options, for one `unittest.mock.patch.object`.

        ::

            with mock.patch.object(options.mockable(), "port", 80):
                ...
        """
        return _Mockable(self)


class _Mockable:
    """Options as plain attributes: what was replaced comes back when an attribute is deleted."""

    def __init__(self, options: OptionParser) -> None:
        self.__dict__["_options"] = options
        self.__dict__["_originals"] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._options, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._originals:
            raise AssertionError(f"{name!r} is patched already: call mockable() for every patch")
        self._originals[name] = getattr(self._options, name)
        setattr(self._options, name, value)

    def __delattr__(self, name: str) -> None:
        setattr(self._options, name, self._originals.pop(name))


_HELP_COLUMN = 35
_HELP_WIDTH = 79


def _help_lines(option: _Option) -> list[str]:
    flag = "--" + _normalize(option.name)
    if option.metavar:
        flag += f"={option.metavar}"
    text = option.help or ""
    if option.default not in (None, ""):
        text += f" (default {option.default})"
    lines = textwrap.wrap(text, _HELP_WIDTH - _HELP_COLUMN) or [""]
    first = f"  {flag:<{_HELP_COLUMN - 3}} "
    if len(first) > _HELP_COLUMN:
        # No room beside it.
        return [first.rstrip(), *(" " * _HELP_COLUMN + line for line in lines if line)]
    return [(first + lines[0]).rstrip(), *(" " * _HELP_COLUMN + line for line in lines[1:])]


def _defining_file() -> str:
    """The file that called into this one."""
    frame = sys._getframe(0)
    here = frame.f_code.co_filename
    while frame.f_code.co_filename == here and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code.co_filename


#: The options of this program.
options: OptionParser = OptionParser()


def define(
    name: str,
    default: Any = None,
    type: Any = None,
    help: str | None = None,
    metavar: str | None = None,
    multiple: bool = False,
    group: str | None = None,
    callback: _Callback | None = None,
) -> None:
    """Define an option of this program: `OptionParser.define` of `options`."""
    options.define(
        name,
        default=default,
        type=type,
        help=help,
        metavar=metavar,
        multiple=multiple,
        group=group,
        callback=callback,
    )


def parse_command_line(args: list[str] | None = None, final: bool = True) -> list[str]:
    """Set the options of this program: `OptionParser.parse_command_line` of `options`."""
    return options.parse_command_line(args, final=final)


def parse_config_file(path: str, final: bool = True) -> None:
    """Set the options of this program: `OptionParser.parse_config_file` of `options`."""
    options.parse_config_file(path, final=final)


def print_help(file: TextIO | None = None) -> None:
    """Print the options of this program: `OptionParser.print_help` of `options`."""
    options.print_help(file)


def add_parse_callback(callback: Callable[[], object]) -> None:
    """Call ``callback()`` when parsing is done: `OptionParser.add_parse_callback` of `options`."""
    options.add_parse_callback(callback)


define_logging_options(options)

claim("whirlwind.options", Error, OptionValueError, OptionParser)
