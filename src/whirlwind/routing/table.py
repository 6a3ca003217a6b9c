"""The lookup table behind ``RuleRouter.find_rule``: literal paths in a dict, then the patterns."""

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from types import NotImplementedType
from typing import Any, Final

from whirlwind.routing import changes
from whirlwind.routing.matchers import AnyMatches, HostMatches, Matcher, PathMatches, unquoted
from whirlwind.routing.patterns import only_path
from whirlwind.routing.rules import Rule

#: Target of a rule and keyword arguments for it, with the groups of its path pattern,
#: percent-decoded. None stands for "no groups", so that nothing mutable is shared between requests.
RuleMatch = tuple[
    Any, dict[str, Any], tuple[bytes | None, ...] | None, dict[str, bytes | None] | None
]

#: The methods that a table speaks for; where one was replaced, it must not.
PATH_MATCH: Final[Callable[..., dict[str, Any] | None]] = PathMatches.match
_ANY_MATCH: Final = AnyMatches.match
_HOST_MATCH: Final = HostMatches.match

#: Match method of a pattern (None: matches all), the result if it is known beforehand, otherwise
#: the rule, and whether its groups have names.
_Entry = tuple[
    Callable[[str], "re.Match[str] | None"] | None,
    RuleMatch | NotImplementedType | None,
    Rule | None,
    bool,
]


class RuleTable:
    """The rules of a router as far as paths decide; valid while ``epoch`` is the current one.

    :arg rules: the rules in order.
    :arg nested: returns the rules of a target that is a router of the same kind, None for others.
    """

    __slots__ = ("_complete", "_nested", "_rest", "epoch", "literals")

    def __init__(
        self, rules: Iterable[Rule], nested: Callable[[object], Sequence[Rule] | None]
    ) -> None:
        self.epoch: int = changes.epoch[0]
        #: Result by path, for patterns that match one path only and that no rule before them hides.
        self.literals: dict[str, RuleMatch | NotImplementedType] = {}
        self._complete: list[_Entry] = []
        #: The entries that `literals` does not stand for.
        self._rest: list[_Entry] = []
        self._nested = nested
        self._add(rules, set())

    def _add(self, rules: Iterable[object], inside: set[int]) -> bool:
        """Add rules in order; False when nothing that comes after them can be reached."""
        for rule in rules:
            if not isinstance(rule, Rule) or _computes(type(rule)):
                return self._end(NotImplemented)
            matcher, target = rule.matcher, rule.target
            found: RuleMatch | NotImplementedType = NotImplemented
            if inspect.isclass(target):
                found = (target, rule.target_kwargs, None, None)
            if _matches_all(matcher):
                rules_inside = None if id(target) in inside else self._nested(target)
                if rules_inside is None:
                    return self._end(found)
                if not self._add(rules_inside, inside | {id(target)}):
                    return False
            elif type(matcher) is PathMatches and not _is_patched(matcher):
                self._add_path(rule, matcher.regex, found)
            else:
                return self._end(NotImplemented)
        return True

    def _end(self, found: RuleMatch | NotImplementedType) -> bool:
        """Every path that gets here has this result."""
        entry: _Entry = (None, found, None, False)
        self._complete.append(entry)
        self._rest.append(entry)
        return False

    def _add_path(
        self, rule: Rule, regex: re.Pattern[str], found: RuleMatch | NotImplementedType
    ) -> None:
        entry: _Entry
        if found is NotImplemented or not regex.groups:
            entry = (regex.match, found, None, False)
        else:
            entry = (regex.match, None, rule, bool(regex.groupindex))
        self._complete.append(entry)
        path = only_path(regex)
        if path is None:
            self._rest.append(entry)
        elif not any(match is not None and match(path) for match, *_ in self._rest):
            self.literals.setdefault(path, found)

    def scan(self, path: str) -> RuleMatch | NotImplementedType | None:
        """The result for a path that is not in ``literals``."""
        # `$` lets a literal pattern match "path\n" too, though no such path comes over HTTP.
        entries = self._complete if path[-1:] == "\n" else self._rest
        for match, found, rule, named in entries:
            if match is None:
                return found
            groups = match(path)
            if groups is None:
                continue
            if rule is None:
                return found
            if named:
                values = groups.groupdict()
                decoded = {name: unquoted(value) for name, value in values.items()}
                return rule.target, rule.target_kwargs, None, decoded
            found_groups = groups.groups()
            if len(found_groups) == 1:
                value = found_groups[0]
                if value is not None and "%" not in value:
                    return rule.target, rule.target_kwargs, (value.encode(),), None
            args = tuple(map(unquoted, found_groups))
            return rule.target, rule.target_kwargs, args, None
        return None


def _computes(cls: type[Rule]) -> bool:
    """Whether a subclass computes what a table remembers."""
    return any(hasattr(cls, name) for name in ("matcher", "target", "target_kwargs"))


def _is_patched(matcher: Matcher) -> bool:
    return "match" in vars(matcher)


def _matches_all(matcher: Matcher) -> bool:
    """Whether a matcher accepts every request, as that of ``add_handlers(".*$", ...)`` does."""
    if _is_patched(matcher):
        return False
    if type(matcher) is AnyMatches:
        return AnyMatches.match is _ANY_MATCH
    return (
        type(matcher) is HostMatches
        and HostMatches.match is _HOST_MATCH
        and matcher.host_pattern.pattern in (".*", ".*$")
    )
