"""Rules, and lists of them that tell when they change."""

import re
from collections.abc import Iterable
from typing import Any, SupportsIndex

from whirlwind.routing.changes import note_change
from whirlwind.routing.matchers import Matcher, PathMatches
from whirlwind.util import import_object

#: What may stand for a rule: a :class:`Rule`, or its arguments as a tuple or list of 2 to 4.
RuleLike = Any


class Rule:
    """A matcher, and what to do when it matches.

    :arg matcher: a :class:`Matcher`.
    :arg target: a router, connection delegate, callable, ``RequestHandler`` class or the dotted
        name of one of them.
    :arg target_kwargs: keyword arguments for the target; a ``RequestHandler`` gets them in
        ``initialize``.
    :arg name: name for :meth:`ReversibleRouter.reverse_url`; unique within its router.
    """

    matcher: Matcher
    target: Any
    target_kwargs: dict[str, Any]
    name: str | None

    def __init__(
        self,
        matcher: Matcher,
        target: Any,
        target_kwargs: dict[str, Any] | None = None,
        name: str | None = None,
    ) -> None:
        if isinstance(target, str):
            # Importing it here spares applications circular imports of their handler modules.
            target = import_object(target)
        self.matcher = matcher
        self.target = target
        self.target_kwargs = target_kwargs if target_kwargs else {}
        self.name = name

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in ("matcher", "target", "target_kwargs"):
            note_change()

    def reverse(self, *args: Any) -> str | None:
        """Build the URL that this rule matches; see :meth:`Matcher.reverse`."""
        return self.matcher.reverse(*args)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.matcher!r}, {self.target!r}, "
            f"kwargs={self.target_kwargs!r}, name={self.name!r})"
        )


class URLSpec(Rule):
    """A rule for a path, the usual entry in an application's list of handlers.

    :arg pattern: regular expression for the path, as :class:`PathMatches` takes it.
    :arg handler: ``RequestHandler`` class, or the dotted name of one.
    :arg kwargs: keyword arguments for the handler's ``initialize``.
    :arg name: name for ``reverse_url``.
    """

    def __init__(
        self,
        pattern: str | re.Pattern[str],
        handler: Any,
        kwargs: dict[str, Any] | None = None,
        name: str | None = None,
    ) -> None:
        matcher = PathMatches(pattern)
        super().__init__(matcher, handler, kwargs, name)
        self.regex: re.Pattern[str] = matcher.regex
        self.handler_class: Any = self.target
        self.kwargs = kwargs

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.regex.pattern!r}, {self.handler_class!r}, "
            f"kwargs={self.kwargs!r}, name={self.name!r})"
        )


def as_rule(rule: RuleLike) -> Rule:
    """Make a :class:`Rule` of a tuple or list; leave a rule as it is."""
    if isinstance(rule, Rule):
        return rule
    if not isinstance(rule, tuple | list):
        raise TypeError(f"{rule!r} is no rule; give a Rule, or (matcher, target[, kwargs[, name]])")
    if not 2 <= len(rule) <= 4:
        raise ValueError(f"rule {rule!r} needs 2 to 4 parts: matcher, target[, kwargs[, name]]")
    matcher, *rest = rule
    if isinstance(matcher, str | re.Pattern):
        return Rule(PathMatches(matcher), *rest)
    if not callable(getattr(matcher, "match", None)):
        raise TypeError(f"{matcher!r} is no matcher; give a path pattern (str) or a Matcher")
    return Rule(matcher, *rest)


class RuleList(list[Rule]):
    """A list that counts its changes in ``version`` and makes lookup tables expire with them."""

    version: int = 0

    def _changed(self) -> None:
        self.version += 1
        note_change()

    def append(self, rule: Rule) -> None:
        super().append(rule)
        self._changed()

    def extend(self, rules: Iterable[Rule]) -> None:
        super().extend(rules)
        self._changed()

    def insert(self, index: SupportsIndex, rule: Rule) -> None:
        super().insert(index, rule)
        self._changed()

    def remove(self, rule: Rule) -> None:
        super().remove(rule)
        self._changed()

    def pop(self, index: SupportsIndex = -1) -> Rule:
        rule = super().pop(index)
        self._changed()
        return rule

    def clear(self) -> None:
        super().clear()
        self._changed()

    def reverse(self) -> None:
        super().reverse()
        self._changed()

    def sort(self, **how: Any) -> None:
        super().sort(**how)
        self._changed()

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(index, value)
        self._changed()

    def __delitem__(self, index: SupportsIndex | slice) -> None:
        super().__delitem__(index)
        self._changed()

    def __iadd__(self, rules: Iterable[Rule]) -> "RuleList":  # type: ignore[override, misc]
        super().__iadd__(rules)
        self._changed()
        return self

    def __imul__(self, times: SupportsIndex) -> "RuleList":
        super().__imul__(times)
        self._changed()
        return self
