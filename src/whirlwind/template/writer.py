"""From the tree of a template to Python."""

import io
import tokenize
from typing import TYPE_CHECKING

from whirlwind.protocol.limits import MAX_TEMPLATE_NESTING
from whirlwind.template.errors import ParseError
from whirlwind.template.nodes import (
    Apply,
    Block,
    Clause,
    Control,
    Expression,
    Extends,
    Include,
    Node,
    Statement,
    Text,
)
from whirlwind.template.output import PARAMETERS

if TYPE_CHECKING:
    from whirlwind.template.template import Template

#: Names of the autoescape function that mean `escape.xhtml_escape`, unless they are redefined.
PLAIN_ESCAPES = frozenset(("xhtml_escape", "escape"))

# Pieces of one call: each of them has a variable, and is on the interpreter's stack for a moment.
_PIECES = 64


class Fragment:
    """A bit of Python from a template, and where it comes from.

    :ivar kind: ``expression``, ``statement`` or the operator of a clause.
    """

    __slots__ = ("code", "kind", "line", "name")

    def __init__(self, kind: str, code: str, name: str, line: int) -> None:
        self.kind: str = kind
        self.code: str = code
        self.name: str = name
        self.line: int = line


class Piece:
    """What goes out together with others: text, or Python for a str.

    :ivar place: where the Python comes from; None for text.
    """

    __slots__ = ("code", "place")

    def __init__(self, code: str, place: str | None = None) -> None:
        self.code: str = code
        self.place: str | None = place


class Writer:
    """Writes the function ``_tt_execute`` of one template, with all that it includes and extends.

    Text between tags is joined as far as no statement comes between. Each line says in a comment
    what it was made from, which is what tracebacks show.

    :arg template: the template to write.
    :arg plain: whether the names of `PLAIN_ESCAPES` mean our function, which is called directly.
    :arg assigning: expressions that assign, such as ``x = 5``, and so are statements.

    :ivar escapes: names of `PLAIN_ESCAPES` for which that was done.
    :ivar fragments: the Python found in the template, in order.
    """

    def __init__(
        self, template: "Template", plain: bool = True, assigning: frozenset[str] = frozenset()
    ) -> None:
        self.escapes: set[str] = set()
        self.fragments: list[Fragment] = []
        self._plain = plain
        self._assigning = assigning
        self._lines: list[str] = []
        self._indent = 0
        # What is to be put out by the next call.
        self._pieces: list[Piece] = []
        self._text: list[str] = []
        self._in_try = False
        self._applied = 0
        self._template = template
        self._via = ""
        self._blocks: dict[str, Block] = {}

    def write(self) -> str:
        """Write it all.

        :returns: Python source.
        :raises ParseError: something is nested too deep, or a template it needs cannot be used.
        """
        ancestors = _ancestors(self._template)
        for template in reversed(ancestors):
            self._find_blocks(template, template.file)
        root = self._template = ancestors[-1]
        self._line(f"def _tt_execute({PARAMETERS}):", self._place(0))
        self._function(root.file, root.name, 0)
        return "\n".join(self._lines) + "\n"

    # --- names ----------------------------------------------------------------------------------

    def _find_blocks(self, template: "Template", body: list[Node]) -> None:
        """Note the blocks by name; of several with one name the last one counts."""
        for node in body:
            if isinstance(node, Block):
                self._blocks[node.name] = node
                self._find_blocks(template, node.body)
            elif isinstance(node, Apply):
                self._find_blocks(template, node.body)
            elif isinstance(node, Control):
                for clause in node.clauses:
                    self._find_blocks(template, clause.body)
            elif isinstance(node, Include):
                included = _load(template, node)
                self._find_blocks(included, included.file)

    def _place(self, line: int) -> str:
        return f"{printable(self._template.name)}:{line}{self._via}"

    # --- lines ----------------------------------------------------------------------------------

    def _line(self, code: str, place: str) -> None:
        self._lines.append(f"{'  ' * self._indent}{code}  # {place}")

    def _deeper(self, name: str, line: int) -> None:
        self._indent += 1
        if self._indent > MAX_TEMPLATE_NESTING:
            raise ParseError(f"Blocks nested more than {MAX_TEMPLATE_NESTING} deep", name, line)

    def _function(self, body: list[Node], name: str, line: int) -> None:
        """The inside of a function that puts out ``body``."""
        place = self._place(line)
        self._deeper(name, line)
        self._line("_tt_out = []", place)
        self._line("_tt_add = _tt_out.append", place)
        self._body(body)
        self._flush()
        self._line("return _tt_finish(_tt_out)", place)
        self._indent -= 1

    def _put(self, tool: str, code: str, place: str) -> None:
        """Put out what a tool makes of a value."""
        if tool == "_tt_escaped":
            self._put_text()
            self._pieces.append(Piece(f"{tool}(({code}))", place))
        else:
            # Not necessarily text, so it is a piece by itself.
            self._flush()
            self._line(f"_tt_add({tool}(({code})))", place)

    def _put_text(self) -> None:
        if self._text:
            self._pieces.append(Piece("".join(self._text)))
            self._text = []

    def _flush(self) -> None:
        """Write the code that puts out what has gathered."""
        self._put_text()
        pieces = self._pieces
        self._pieces = []
        # Where an exception may be caught, what came before it has to be put out.
        size = 1 if self._in_try else _PIECES
        for start in range(0, len(pieces), size):
            self._add(pieces[start : start + size])

    def _add(self, pieces: "list[Piece]") -> None:
        """Write one call for several pieces: the values first, each on a line for tracebacks."""
        indent = "  " * self._indent
        if len(pieces) == 1:
            code, place = pieces[0].code, pieces[0].place
            self._lines.append(
                f"{indent}_tt_add({code!r})"
                if place is None
                else f"{indent}_tt_add({code})  # {place}"
            )
            return
        parts = []
        for number, piece in enumerate(pieces):
            if piece.place is None:
                parts.append(_in_quotes(piece.code).replace("{", "{{").replace("}", "}}"))
            else:
                self._lines.append(f"{indent}_tt_{number} = {piece.code}  # {piece.place}")
                parts.append(f"{{_tt_{number}}}")
        self._lines.append(f"{indent}_tt_add(f'{''.join(parts)}')")

    # --- nodes ----------------------------------------------------------------------------------

    def _body(self, body: list[Node]) -> None:
        for node in body:
            if isinstance(node, Text):
                self._text.append(node.value)
            elif isinstance(node, Expression):
                self._expression(node)
            elif isinstance(node, Statement):
                self._statement("statement", node.code, node.line)
            elif isinstance(node, Control):
                self._control(node)
            elif isinstance(node, Block):
                self._block(node)
            elif isinstance(node, Include):
                self._include(node)
            elif isinstance(node, Apply):
                self._apply(node)
            elif self._template.file is not body:
                raise ParseError(
                    "extends stands inside a block: it must be at the top of its template",
                    self._template.name,
                    node.line,
                )

    def _statement(self, kind: str, code: str, line: int) -> None:
        self._flush()
        self.fragments.append(Fragment(kind, code, self._template.name, line))
        place = self._place(line)
        self._line(_annotated(code, place), place)

    def _expression(self, node: Expression) -> None:
        code = node.code
        place = self._place(node.line)
        if code in self._assigning:
            self._statement("statement", f"_tt_v = {code}", node.line)
            code = "_tt_v"
        else:
            self.fragments.append(Fragment("expression", code, self._template.name, node.line))
            if "\n" in code or "#" in code:
                code = f"\n{_annotated(code, place)}  # {place}\n"
        escape = None if node.raw else self._template.autoescape
        if escape is None:
            self._put("_tt_raw", code, place)
        elif self._plain and escape in PLAIN_ESCAPES:
            self.escapes.add(escape)
            self._put("_tt_escaped", code, place)
        else:
            self._put("_tt_result", f"({escape})(_tt_bytes(({code})))", place)

    def _control(self, node: Control) -> None:
        self._flush()
        in_try = self._in_try
        self._in_try = in_try or node.operator == "try"
        for clause in node.clauses:
            self._clause(clause)
        self._in_try = in_try

    def _clause(self, clause: Clause) -> None:
        head = clause.head
        place = self._place(clause.line)
        operator = clause.operator
        self.fragments.append(Fragment(operator, head, self._template.name, clause.line))
        if "\n" in head and operator in ("if", "elif", "while"):
            head = f"{operator} (\n{_annotated(head[len(operator) :], place)}\n)"
        self._line(head + ":", place)
        self._deeper(self._template.name, clause.line)
        start = len(self._lines)
        self._body(clause.body)
        self._flush()
        if len(self._lines) == start:
            self._line("pass", place)
        self._indent -= 1

    def _block(self, node: Block) -> None:
        block = self._blocks[node.name]
        if block is node:
            self._body(node.body)
            return
        # As if it stood here, but with the settings of the file it is in.
        self._inside(block.template, node.line, block.body)

    def _include(self, node: Include) -> None:
        included = _load(self._template, node)
        if any(isinstance(child, Extends) for child in included.file):
            raise ParseError(
                f"{included.name} extends another template, so it cannot be included: "
                f"use {{% module Template({included.name!r}) %}}",
                self._template.name,
                node.line,
            )
        self._inside(included, node.line, included.file)

    def _inside(self, template: "Template", line: int, body: list[Node]) -> None:
        outer, via = self._template, self._via
        here = f"{printable(outer.name)}:{line}"
        self._via = f" (via {here}, {via[6:]}" if via else f" (via {here})"
        self._template = template
        self._body(body)
        self._template, self._via = outer, via

    def _apply(self, node: Apply) -> None:
        self._flush()
        name = f"_tt_apply{self._applied}"
        self._applied += 1
        place = self._place(node.line)
        self.fragments.append(Fragment("expression", node.function, self._template.name, node.line))
        self._line(f"def {name}():", place)
        in_try, self._in_try = self._in_try, False
        self._function(node.body, self._template.name, node.line)
        self._in_try = in_try
        self._put("_tt_result", f"({node.function})({name}())", place)


def _in_quotes(text: str) -> str:
    """A text as it stands between single quotes."""
    return repr('"' + text)[2:-1]  # with both kinds in it, repr takes single ones


def printable(name: str) -> str:
    """A template's name, so that it can stand in a comment."""
    return name if name.isprintable() else ascii(name)


def _ancestors(template: "Template") -> "list[Template]":
    """The template itself, what it extends, what that extends and so on."""
    found = [template]
    for node in template.file:
        if isinstance(node, Extends):
            found += _ancestors(_load(template, node))
    return found


def _load(template: "Template", node: Include | Extends) -> "Template":
    if template.loader is None:
        what = "include" if isinstance(node, Include) else "extends"
        raise ParseError(
            f"{{% {what} %}} needs a template loader, and there is none", template.name, node.line
        )
    try:
        return template.loader.load(node.name, template.name)
    except ParseError as error:
        if error.lineno == 0 and error.filename == template.name:
            error.lineno = node.line  # where the way without end goes on
        raise


def _annotated(code: str, place: str) -> str:
    """Code whose lines, but the last, have a comment each where the grammar has room for one."""
    if "\n" not in code:
        return code
    lines = code.split("\n")
    try:
        for token in tokenize.generate_tokens(io.StringIO(f"({code})").readline):
            if token.type == tokenize.NL and token.start[0] < len(lines):
                lines[token.start[0] - 1] += f"  # {place}"
    except (tokenize.TokenError, SyntaxError):
        return code  # it is not Python, as will be found out soon
    return "\n".join(lines)
