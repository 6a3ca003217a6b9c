"""The tree of a parsed template."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whirlwind.template.template import Template


@dataclass(slots=True)
class Text:
    """Text that is put out as it stands."""

    value: str


@dataclass(slots=True)
class Expression:
    """A value to put out.

    :ivar raw: whether it is put out without the autoescape function.
    """

    code: str
    line: int
    raw: bool


@dataclass(slots=True)
class Statement:
    """A Python statement, on its own."""

    code: str
    line: int


@dataclass(slots=True)
class Clause:
    """The head of a statement that has a body, such as ``if x`` or ``else``, and the body."""

    operator: str
    head: str
    line: int
    body: "list[Node]" = field(default_factory=list)


@dataclass(slots=True)
class Control:
    """``if``, ``for``, ``while`` or ``try`` with all its clauses."""

    operator: str
    clauses: list[Clause]
    line: int


@dataclass(slots=True)
class Apply:
    """What its body puts out goes through a function."""

    function: str
    line: int
    body: "list[Node]" = field(default_factory=list)


@dataclass(slots=True)
class Block:
    """A part with a name, which a template that extends this one can replace.

    :ivar template: the template in whose file it is.
    """

    name: str
    line: int
    template: "Template"
    body: "list[Node]" = field(default_factory=list)


@dataclass(slots=True)
class Include:
    """The place of another template."""

    name: str
    line: int


@dataclass(slots=True)
class Extends:
    """The template whose blocks this one replaces."""

    name: str
    line: int


Node = Text | Expression | Statement | Control | Apply | Block | Include | Extends
