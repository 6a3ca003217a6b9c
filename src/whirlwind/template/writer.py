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

# Pieces of one call: each of them lies on the interpreter's stack for a moment.
_PIECES = 64


class Fragment:
    """A bit of Python from a template, and where it comes from.

    :ivar kind: ``expression``, ``statement`` or the operator of a clause.
    """

    __slots__ = ("code", "kind", "line", "name")

    def __init__(self, kind: str, code: str, name: str, line: int) -> None:
        self.kind = kind
        self.code = code
        self.name = name
        self.line = line


class Writer:
    """Writes the function ``_tt_execute`` of one template, with all that it includes and extends.

    Text between tags is joined as far as no statement comes between. Each line says in a comment
    what it was made from, which is what tracebacks show.

    :arg template: the template to write.
    :arg together: whether values for `PLAIN_ESCAPES` are escaped all together at the end.
    :arg assigning: expressions that assign, such as ``x = 5``, and so are statements.

    :ivar escapes: names of `PLAIN_ESCAPES` for which that was done.
    :ivar fragments: the Python found in the template, in order.
    """

    def __init__(
        self, template: "Template", together: bool = True, assigning: frozenset[str] = frozenset()
    ) -> None:
        self.escapes: set[str] = set()
        self.fragments: list[Fragment] = []
        self._together = together
        self._assigning = assigning
        self._lines: list[str] = []
        self._indent = 0
        # What is to be put out by the next call: is it to be escaped, and its Python.
        self._pieces: list[tuple[bool, str]] = []
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
        self._line("_tt_add = _tt_out.extend", place)
        self._body(body)
        self._flush()
        self._line("return _tt_finish(_tt_out)", place)
        self._indent -= 1

    def _put(self, escape: bool, code: str) -> None:
        self._put_text()
        self._pieces.append((escape, code))

    def _put_text(self) -> None:
        if self._text:
            self._pieces.append((False, f"{''.join(self._text)!r},"))
            self._text = []

    def _flush(self) -> None:
        """Write the call that puts out what has gathered."""
        self._put_text()
        pieces = self._pieces
        if not pieces:
            return
        self._pieces = []
        # Where an exception may be caught, what came before it has to be put out.
        size = 1 if self._in_try else _PIECES
        for start in range(0, len(pieces), size):
            arguments: list[str] = []
            to_escape = False
            for escape, code in pieces[start : start + size]:
                if escape is not to_escape:
                    arguments.append('"",')
                arguments.append(code)
                to_escape = not escape
            if to_escape:
                arguments.append('""')
            indent = "  " * self._indent
            self._lines.append(f"{indent}_tt_add((")
            self._lines.extend(indent + argument for argument in arguments)
            self._lines.append(f"{indent}))")

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
        tool = "_tt_raw"
        together = self._together and escape in PLAIN_ESCAPES
        if together:
            self.escapes.add(str(escape))
            tool = "_tt_text"
        elif escape is not None:
            self._put(False, f"_tt_result(({escape})(_tt_bytes(({code})))),  # {place}")
            return
        self._put(
            together,
            f"_tt_v if _tt_type(_tt_v := ({code})) is _tt_str else {tool}(_tt_v),  # {place}",
        )

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
        self._put(False, f"_tt_result(({node.function})({name}())),  # {place}")


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
