"""From Python source to code objects, and from Python's complaints to places in a template."""

import inspect
import re
from types import CodeType

from whirlwind.template.errors import ParseError, TemplateSyntaxError
from whirlwind.template.writer import Fragment

_PLACE = re.compile(r"  # (.*):(\d+)(?: \(via .*\))?\Z")

# Characters of a template's Python that a message shows.
_SHOWN = 80

# What surrounds a clause so that it can stand alone.
_BEFORE = {
    "elif": "if 0: pass\n",
    "else": "if 0: pass\n",
    "except": "try: pass\n",
    "finally": "try: pass\n",
}
_AFTER = {"try": "\nfinally: pass"}

# Lines that the compiler speaks of are none of the template.
_LINE_NUMBER = re.compile(r" on line \d+| \(detected at line \d+\)")
# What it says of our parentheses around an expression that lacks one.
_OUR_PARENTHESIS = re.compile(
    r"closing parenthesis '\)' does not match opening parenthesis ('[\[{]')"
)
_ADVICE = (
    (re.compile("await|asynchronous"), "await in the handler, and pass the result"),
    (re.compile("never closed|unterminated"), "a tag ends at its first }} or %}"),
)

# What compile() raises: the last two for what is nested too deep.
_COMPLAINTS = (SyntaxError, ValueError, RecursionError, MemoryError)


def compile_source(source: str, filename: str, name: str, fragments: list[Fragment]) -> CodeType:
    """Compile the source of a template.

    :arg filename: for tracebacks.
    :arg name: name of the template.
    :arg fragments: the bits of it that come from templates.
    :raises ParseError: it is no Python.
    """
    try:
        code = compile(source, filename, "exec", dont_inherit=True)
    except _COMPLAINTS as error:
        located = _locate(error, source, name, fragments)
        located.assigning = _assigning(fragments)
        raise located from None
    if any(c.co_flags & inspect.CO_GENERATOR for c in _functions(code)):
        where = next((f for f in fragments if re.search(r"\byield\b", f.code)), None)
        raise ParseError(
            "a template cannot yield: it is put out in one go",
            where.name if where else name,
            where.line if where else 0,
        )
    return code


def execute_of(code: CodeType) -> CodeType:
    """The code of the template's function, from that of the module which defines it."""
    return next(c for c in code.co_consts if isinstance(c, CodeType))


def redefines(code: CodeType, names: frozenset[str]) -> bool:
    """Whether a template assigns to one of the names."""
    return any(not names.isdisjoint(c.co_varnames + c.co_cellvars) for c in _functions(code))


def _functions(code: CodeType) -> list[CodeType]:
    """The functions of a template: its own and those of ``{% apply %}``."""
    found = []
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and constant.co_name.startswith("_tt_"):
            found.append(constant)
            found += _functions(constant)
    return found


def _locate(
    error: Exception, source: str, name: str, fragments: list[Fragment]
) -> TemplateSyntaxError:
    """Tell what is wrong, and where in the template."""
    for fragment in fragments:
        complaint = _complaint(fragment)
        if complaint is not None:
            code = fragment.code
            message = f"{_message(complaint)} in {_excerpt(code)}"
            line = fragment.line + _line_in(complaint, fragment)
            return TemplateSyntaxError(message, fragment.name, line, code)
    # Each bit is right by itself, such as a second "else".
    number = error.lineno if isinstance(error, SyntaxError) else None
    for text in source.split("\n")[: number or 0][::-1]:
        place = _PLACE.search(text)
        if place is not None:
            code = text[: place.start()].strip()
            return TemplateSyntaxError(
                f"{_message(error)} in {_excerpt(code)}", place[1], int(place[2]), code
            )
    return TemplateSyntaxError(_message(error), name, 0, "")


def _assigning(fragments: list[Fragment]) -> frozenset[str]:
    """Find the expressions that would be right if they stood behind an assignment."""
    return frozenset(
        f.code
        for f in fragments
        if f.kind == "expression"
        and _complaint(f) is not None
        and _complaint(Fragment("statement", f"_tt_v = {f.code}", "", 0)) is None
    )


def _complaint(fragment: Fragment) -> Exception | None:
    """What the compiler says of a fragment that stands alone."""
    code, kind = fragment.code, fragment.kind
    try:
        if kind == "expression":
            spread = "\n" in code or "#" in code
            compile(f"(\n{code}\n)" if spread else f"({code})", "", "eval", dont_inherit=True)
        elif kind == "statement":
            # In a loop in a function, where "break" and "return" may stand.
            compile(f"def f():\n while 1:\n  {code}", "", "exec", dont_inherit=True)
        else:
            if "\n" in code and kind in ("if", "elif", "while"):
                code = f"{kind} (\n{code[len(kind) :]}\n)"
            text = f"{_BEFORE.get(kind, '')}{code}: pass{_AFTER.get(kind, '')}"
            compile(text, "", "exec", dont_inherit=True)
    except _COMPLAINTS as error:
        if kind == "expression" and "\n" not in code:
            try:
                compile(code, "", "eval", dont_inherit=True)
            except _COMPLAINTS as better:
                return better  # it does not speak of our parentheses
        return error
    return None


def _line_in(error: Exception, fragment: Fragment) -> int:
    """Which line of a fragment an error is in, from 0."""
    if not isinstance(error, SyntaxError) or error.lineno is None:
        return 0
    above = {"expression": 2, "statement": 3}.get(fragment.kind)
    if above is None:
        above = 1 + _BEFORE.get(fragment.kind, "").count("\n")
    return min(max(error.lineno - above, 0), fragment.code.count("\n"))


def _excerpt(code: str) -> str:
    return repr(code if len(code) <= _SHOWN else code[:_SHOWN] + "...")


def _message(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        message = _LINE_NUMBER.sub("", error.msg)
        message = _OUR_PARENTHESIS.sub(r"\1 was never closed", message)
        for words, advice in _ADVICE:
            if words.search(message):
                return f"{message} ({advice})"
        return message
    if isinstance(error, (RecursionError, MemoryError)):
        return "nested too deep for Python's compiler"
    return str(error)
