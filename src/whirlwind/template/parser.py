"""From the text of a template to its tree."""

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
from whirlwind.template.whitespace import filter_whitespace

if TYPE_CHECKING:
    from whirlwind.template.template import Template

# Character after the brace: text that ends the tag, and what to call it in an error.
_TAGS = {"{": ("}}", "expression"), "%": ("%}", "block"), "#": ("#}", "comment")}

_LOOPS = ("for", "while")
_WITH_BODY = frozenset(("if", "for", "while", "try", "apply", "block"))
# Operators that go on with the statement of the block they stand in, and those statements.
_CONTINUES = {
    "else": ("if", "for", "while", "try"),
    "elif": ("if",),
    "except": ("try",),
    "finally": ("try",),
}
# What may come after the last clause of a statement.
_FOLLOWS = {
    ("if", "if"): ("elif", "else"),
    ("if", "elif"): ("elif", "else"),
    ("if", "else"): (),
    ("for", "for"): ("else",),
    ("for", "else"): (),
    ("while", "while"): ("else",),
    ("while", "else"): (),
    ("try", "try"): ("except", "finally"),
    ("try", "except"): ("except", "else", "finally"),
    ("try", "else"): ("finally",),
    ("try", "finally"): (),
}


class _Open:
    """A block whose ``{% end %}`` has not come yet."""

    __slots__ = ("body", "in_loop", "line", "node", "operator")

    def __init__(
        self,
        operator: str,
        line: int,
        node: Control | Apply | Block | None,
        body: list[Node],
        in_loop: bool,
    ) -> None:
        self.operator = operator
        self.line = line
        self.node = node
        self.body = body
        self.in_loop = in_loop


class Parser:
    """Reads one template.

    :arg template: whose tree it is to be; the directives ``autoescape`` and ``whitespace`` change
        what is set there.
    :arg text: its source.
    :arg whitespace: the mode to begin with.
    """

    def __init__(self, template: "Template", text: str, whitespace: str) -> None:
        self._template = template
        self._text = text
        self._whitespace = whitespace
        self._open = [_Open("", 1, None, [], False)]
        self._position = 0
        self._line = 1
        self._counted = 0  # position up to which lines are counted

    def parse(self) -> list[Node]:
        """Read it all.

        :raises ParseError: there is something wrong with it.
        """
        text = self._text
        end = len(text)
        find = text.find
        start = brace = 0
        while True:
            brace = find("{", brace)
            if brace < 0 or brace + 1 == end:
                break
            kind = text[brace + 1]
            if kind not in "{%#" or (kind == "{" and text.startswith("{", brace + 2)):
                # Of three braces the last two open the tag: "{{{x}}}" puts a value in braces.
                brace += 1
                continue
            self._put_text(start, brace)
            start = brace + 2
            if text.startswith("!", start):
                self._put(Text(text[brace:start]))
                start += 1
            else:
                closing, what = _TAGS[kind]
                stop = find(closing, start)
                if stop < 0:
                    raise self._error(f"Missing end {what} {closing}", self._line_at(brace))
                if kind != "#":
                    self._read_tag(kind, text[start:stop].strip(), self._line_at(brace))
                start = stop + 2
            brace = start
        self._put_text(start, end)
        last = self._open[-1]
        if last.node is not None:
            raise self._error(f"Missing {{% end %}} block for {last.operator}", last.line)
        return last.body

    def _error(self, message: str, line: int) -> ParseError:
        return ParseError(message, self._template.name, line)

    def _line_at(self, position: int) -> int:
        self._line += self._text.count("\n", self._counted, position)
        self._counted = position
        return self._line

    def _put(self, node: Node) -> None:
        self._open[-1].body.append(node)

    def _put_text(self, start: int, end: int) -> None:
        if start < end:
            text = self._text[start:end]
            if "<pre>" not in text:
                text = filter_whitespace(self._whitespace, text)
            self._put(Text(text))

    def _read_tag(self, kind: str, content: str, line: int) -> None:
        if kind == "{":
            if all(part.lstrip()[:1] in ("", "#") for part in content.split("\n")):
                raise self._error("Empty expression", line)
            self._put(Expression(content, line, False))
            return
        if not content:
            raise self._error("Empty block tag ({% %})", line)
        operator, rest = [*content.split(None, 1), ""][:2]
        if operator in _CONTINUES:
            self._continue(operator, content, line)
        elif operator == "end":
            self._end(line)
        elif operator in _WITH_BODY:
            self._begin(operator, content, rest, line)
        elif operator in ("break", "continue"):
            if not self._open[-1].in_loop:
                raise self._error(f"{operator} outside of a {' or '.join(_LOOPS)} block", line)
            self._put(Statement(content, line))
        else:
            self._read_directive(operator, content, rest, line)

    def _read_directive(self, operator: str, content: str, rest: str, line: int) -> None:
        """The tags that have no body."""
        if operator == "set":
            self._put(Statement(self._needed(rest, "set", "statement", line), line))
        elif operator in ("import", "from"):
            self._needed(rest, operator, "statement", line)
            self._put(Statement(content, line))
        elif operator == "raw":
            self._put(Expression(self._needed(rest, "raw", "expression", line), line, True))
        elif operator == "module":
            call = self._needed(rest, "module", "call", line)
            self._put(Expression(f"_tt_modules.{call}", line, True))
        elif operator in ("include", "extends"):
            name = rest.strip('"').strip("'")
            self._needed(name, operator, "file path", line)
            self._put(Include(name, line) if operator == "include" else Extends(name, line))
        elif operator == "autoescape":
            # For the whole file, also what is above the tag: as Tornado has it.
            self._template.autoescape = None if rest in ("", "None") else rest
        elif operator == "whitespace":
            try:
                filter_whitespace(rest, "")
            except ValueError as error:
                raise self._error(str(error), line) from None
            self._whitespace = rest
        elif operator != "comment":
            raise self._error(f"unknown operator: {operator!r}", line)

    def _needed(self, given: str, operator: str, what: str, line: int) -> str:
        if not given:
            raise self._error(f"{operator} missing {what}", line)
        return given

    def _begin(self, operator: str, content: str, rest: str, line: int) -> None:
        outer = self._open[-1]
        in_loop = outer.in_loop
        node: Control | Apply | Block
        if operator == "apply":
            node = Apply(self._needed(rest, "apply", "method name", line), line)
            body = node.body
            in_loop = False
        elif operator == "block":
            node = Block(self._needed(rest, "block", "name", line), line, self._template)
            body = node.body
        else:
            clause = Clause(operator, content, line)
            node = Control(operator, [clause], line)
            body = clause.body
            in_loop = in_loop or operator in _LOOPS
        if len(self._open) > MAX_TEMPLATE_NESTING:
            raise self._error(f"Blocks nested more than {MAX_TEMPLATE_NESTING} deep", line)
        outer.body.append(node)
        self._open.append(_Open(operator, line, node, body, in_loop))

    def _continue(self, operator: str, content: str, line: int) -> None:
        """``else`` and the like: the end of one clause and the begin of the next."""
        current = self._open[-1]
        allowed = _CONTINUES[operator]
        if current.node is None:
            raise self._error(f"{operator} outside of a block of {', '.join(allowed)}", line)
        if not isinstance(current.node, Control) or current.operator not in allowed:
            raise self._error(
                f"{operator} block cannot be attached to {current.operator} block", line
            )
        last = current.node.clauses[-1].operator
        if operator not in _FOLLOWS[current.operator, last]:
            raise self._error(
                f"{operator} cannot follow {last} of a {current.operator} block", line
            )
        clause = Clause(operator, content, line)
        current.node.clauses.append(clause)
        current.body = clause.body
        if current.operator in _LOOPS:
            current.in_loop = self._open[-2].in_loop  # "else" runs when the loop is over

    def _end(self, line: int) -> None:
        if len(self._open) == 1:
            raise self._error("Extra {% end %} block", line)
        ended = self._open.pop()
        if isinstance(ended.node, Control) and ended.node.clauses[-1].operator == "try":
            raise self._error("try block without except or finally", ended.line)
