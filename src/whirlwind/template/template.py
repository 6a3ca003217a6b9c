"""`Template`: text with Python in it, compiled."""

import builtins
import datetime
import linecache
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final

from whirlwind import escape
from whirlwind._public import claim
from whirlwind.protocol.limits import MAX_TEMPLATE_NESTING
from whirlwind.template.compiler import compile_source, execute_of, redefines
from whirlwind.template.errors import ParseError, TemplateSyntaxError
from whirlwind.template.output import TOOLS
from whirlwind.template.parser import Parser
from whirlwind.template.whitespace import filter_whitespace
from whirlwind.template.writer import Writer, printable

if TYPE_CHECKING:
    from whirlwind.template.loaders import BaseLoader
    from whirlwind.template.nodes import Node


class _Unset:
    """What an argument is when it was not given, as None has a meaning of its own."""

    def __repr__(self) -> str:
        return "<not given>"


UNSET: Final = _Unset()

#: The autoescape function of templates that nobody chose one for.
DEFAULT_AUTOESCAPE: Final = "xhtml_escape"

#: What every template can use.
_NAMES: Final[dict[str, Any]] = {
    "escape": escape.xhtml_escape,
    "xhtml_escape": escape.xhtml_escape,
    "url_escape": escape.url_escape,
    "json_encode": escape.json_encode,
    "squeeze": escape.squeeze,
    "linkify": escape.linkify,
    "datetime": datetime,
    "__builtins__": builtins,
}

# File names of which text is squeezed unless the template or its loader says otherwise.
_SQUEEZED: Final = (".html", ".js")


class _Source:
    """A module loader as tracebacks want it: it knows the source of one template's code."""

    def __init__(self, code: str) -> None:
        self._code = code

    def get_source(self, name: str) -> str:
        return self._code


class Template:
    """A compiled template.

    The syntax is described in the documentation ("Templates"). A template is a program: never let
    others write one.

    :arg template_string: its source, str or UTF-8 bytes.
    :arg name: for error messages; also decides about whitespace by its end, and is what ``include``
        and ``extends`` are relative to.
    :arg loader: the `BaseLoader` that finds what it includes and extends.
    :arg compress_whitespace: the former way to say ``whitespace``: True is ``single``, False is
        ``all``.
    :arg autoescape: name of the function that values go through, None for none; by default that of
        the loader, or ``xhtml_escape``.
    :arg whitespace: a mode of `filter_whitespace`; by default that of the loader, or ``single`` for
        names that end in ``.html`` or ``.js`` and ``all`` for others (Tornado 4.3).
    :raises ParseError: the source is wrong somewhere.

    :ivar name: as given.
    :ivar loader: as given.
    :ivar namespace: dict of names for the template: those of the loader.
    :ivar autoescape: name of the autoescape function.
    :ivar file: the tree of the source.
    :ivar code: the Python it was made into; the lines that tracebacks show.
    :ivar compiled: that, compiled.
    """

    compiled: CodeType

    def __init__(
        self,
        template_string: str | bytes,
        name: str = "<string>",
        loader: "BaseLoader | None" = None,
        compress_whitespace: bool | _Unset = UNSET,
        autoescape: str | _Unset | None = UNSET,
        whitespace: str | None = None,
    ) -> None:
        self.name = name
        if not isinstance(compress_whitespace, _Unset):
            if whitespace is not None:
                raise ValueError("whitespace and compress_whitespace say the same: give one")
            whitespace = "single" if compress_whitespace else "all"
        if whitespace is None:
            whitespace = loader.whitespace if loader is not None else None
        if not whitespace:
            whitespace = "single" if name.endswith(_SQUEEZED) else "all"
        filter_whitespace(whitespace, "")  # is there such a mode?
        if not isinstance(autoescape, _Unset):
            self.autoescape = autoescape
        else:
            self.autoescape = loader.autoescape if loader is not None else DEFAULT_AUTOESCAPE
        self.namespace: dict[str, Any] = loader.namespace if loader is not None else {}
        self.loader = loader
        with _being_made(self):
            self.file: list[Node] = Parser(self, self._decoded(template_string), whitespace).parse()
            self._compile()

    def _decoded(self, source: str | bytes) -> str:
        try:
            return escape.to_unicode(source)
        except UnicodeDecodeError as error:
            line = 1 + error.object.count(b"\n", 0, error.start)
            raise ParseError(f"not UTF-8 ({error.reason})", self.name, line) from None

    def _compile(self) -> None:
        self._module = printable(self.name).replace(".", "_")
        self._filename = self._module + ".generated.py"
        self._assigning: frozenset[str] = frozenset()
        self._escapes: frozenset[str] = frozenset()
        try:
            self._write(True)
        except TemplateSyntaxError as error:
            self._assigning = error.assigning
            if not self._assigning:
                raise
            self._write(True)
        if redefines(self.compiled, self._escapes):
            self._write(False)
        self._execute = execute_of(self.compiled)
        self._with_own_escape: CodeType | None = None
        self._globals = {
            **_NAMES,
            "__name__": self._module,
            "__loader__": _Source(self.code),
        }
        self._forget_lines()

    def _write(self, plain: bool) -> None:
        writer = Writer(self, plain, self._assigning)
        self.code: str = writer.write()
        self.compiled = compile_source(self.code, self._filename, self.name, writer.fragments)
        self._escapes = frozenset(writer.escapes)

    def _forget_lines(self) -> None:
        """Have tracebacks ask this template for its lines, not one with the same name."""
        linecache.cache.pop(self._filename, None)

    def generate(self, **kwargs: Any) -> bytes:
        """Put the template out.

        :arg kwargs: names for the template, in addition to the loader's and those that are always
            there.
        :returns: bytes, UTF-8.
        """
        return self._ww_generate(kwargs)

    def _ww_generate(self, given: dict[str, Any]) -> bytes:
        """As `generate`, which would copy the names twice more."""
        names = self._globals | self.namespace | given
        code = self._execute
        for name in self._escapes:
            if names[name] is not _NAMES[name]:
                code = self._own_escape(names)
                break
        try:
            page: bytes = FunctionType(code, names)(*TOOLS)
        except BaseException:
            self._forget_lines()
            raise
        return page

    #: The `generate` that `_ww_generate` can stand in for.
    _ww_original = generate

    def _own_escape(self, names: dict[str, Any]) -> CodeType:
        """The code for a namespace in which ``xhtml_escape`` is another function."""
        code = self._with_own_escape
        if code is None:
            writer = Writer(self, False, self._assigning)
            source = writer.write()
            module = compile_source(source, self._filename, self.name, writer.fragments)
            self._own_source = _Source(source)
            code = self._with_own_escape = execute_of(module)
        names["__loader__"] = self._own_source
        return code


_making = threading.local()


@contextmanager
def _being_made(template: Template) -> Iterator[None]:
    """Notice templates that include or extend themselves, by whatever way round."""
    try:
        chain: list[Template] = _making.chain
    except AttributeError:
        chain = _making.chain = []
    outer = chain[-1] if chain else None
    if outer is not None:
        cycle = any(t.name == template.name and t.loader is template.loader for t in chain)
        if cycle or len(chain) > MAX_TEMPLATE_NESTING:
            way = [t.name for t in chain[-5:]] + [template.name]
            raise ParseError(
                f"templates include or extend each other without end: {' > '.join(way)}",
                outer.name,
            )
    chain.append(template)
    try:
        yield
    finally:
        chain.pop()


claim("whirlwind.template", Template)
