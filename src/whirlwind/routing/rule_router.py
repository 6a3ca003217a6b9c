"""Routers with an ordered list of rules."""

import functools
from collections.abc import Iterable, Sequence
from types import NotImplementedType
from typing import Any, Final

from whirlwind import httputil
from whirlwind.log import app_log
from whirlwind.routing import changes
from whirlwind.routing.matchers import PathMatches
from whirlwind.routing.router import CallableDelegate, ReversibleRouter, Router
from whirlwind.routing.rules import Rule, RuleLike, RuleList, as_rule
from whirlwind.routing.table import PATH_MATCH, RuleMatch, RuleTable


class RuleRouter(Router):
    """A router with an ordered list of rules.

    :arg rules: each a :class:`Rule`, or a tuple or list with the arguments of one, in which a
        string or compiled pattern as the matcher means :class:`PathMatches`.

    :ivar rules: the rules in order, a list that may be edited.
    """

    _table: RuleTable | None = None

    def __init__(self, rules: Sequence[RuleLike] | None = None) -> None:
        self.rules = []
        if rules:
            self.add_rules(rules)

    @property
    def rules(self) -> list[Rule]:
        """The rules in the order in which they are asked."""
        return self._rules

    @rules.setter
    def rules(self, rules: Iterable[Rule]) -> None:
        self._rules = RuleList(rules)
        self._table = None

    def add_rules(self, rules: Sequence[RuleLike]) -> None:
        """Append rules.

        :arg rules: as the constructor takes them.
        :raises TypeError: one of them is nothing that can be made a rule.
        """
        for rule in rules:
            self.rules.append(self.process_rule(as_rule(rule)))

    def process_rule(self, rule: Rule) -> Rule:
        """Hook: look at, change or replace each rule before it is added.

        :arg rule: the rule about to be added.
        :returns: the rule to add.
        """
        return rule

    def find_handler(
        self, request: httputil.HTTPServerRequest, **kwargs: Any
    ) -> httputil.HTTPMessageDelegate | None:
        """Ask each rule in order; see :meth:`Router.find_handler`."""
        for rule in self.rules:
            target_params = rule.matcher.match(request)
            if target_params is None:
                continue
            if rule.target_kwargs:
                target_params["target_kwargs"] = rule.target_kwargs
            delegate = self.get_target_delegate(rule.target, request, **target_params)
            if delegate is not None:
                return delegate
        return None

    def get_target_delegate(
        self, target: Any, request: httputil.HTTPServerRequest, **target_params: Any
    ) -> httputil.HTTPMessageDelegate | None:
        """Make the delegate for the target of a rule that matched. Override for other targets.

        :arg target: the rule's target.
        :arg request: the request.
        :arg target_params: what the matcher returned, with ``target_kwargs`` of the rule.
        :returns: a delegate, or None to go on with the next rule.
        """
        if isinstance(target, Router):
            return target.find_handler(request, **target_params)
        connection = request.connection
        if isinstance(target, httputil.HTTPServerConnectionDelegate):
            if connection is None:
                raise ValueError(f"{request!r} has no connection for {target!r} to answer on")
            return target.start_request(request.server_connection, connection)
        if callable(target):
            if connection is None:
                raise ValueError(f"{request!r} has no connection for {target!r} to answer on")
            return CallableDelegate(functools.partial(target, **target_params), request)
        return None

    def find_rule(self, path: str) -> RuleMatch | NotImplementedType | None:
        """The rule for a path, without a request and without asking overridable methods.

        :arg path: path of the request target, percent-encoded as it came.
        :returns: ``(target, target_kwargs, path_args, path_kwargs)`` of the rule, the groups
            percent-decoded to bytes and None where the pattern has none, the target a class; None
            when no rule matches; ``NotImplemented`` when it takes :meth:`find_handler` to tell,
            because a rule looks at more than the path or its target is no class and may decline.
        """
        table = self._table
        if (
            table is None
            or table.epoch != changes.epoch[0]
            or PathMatches.match is not PATH_MATCH
            or RuleRouter.find_handler is not _FIND_HANDLER
        ):
            table = self._new_table()
            if table is None:
                return NotImplemented  # type: ignore[no-any-return] # typeshed: a kind of Any
        found = table.literals.get(path)
        if found is not None:
            return found
        return table.scan(path)

    def _new_table(self) -> RuleTable | None:
        """Build the table; None when a method that it speaks for has been replaced."""
        self._table = None
        if PathMatches.match is not PATH_MATCH or not _is_plain(self):
            return None
        self._table = RuleTable(self.rules, self._nested_rules)
        return self._table

    def _nested_rules(self, target: object) -> Sequence[Rule] | None:
        """The rules of a target that is a router like this one, as the table wants to know."""
        if (
            isinstance(target, RuleRouter)
            and _is_plain(target)
            and type(target).get_target_delegate is type(self).get_target_delegate
            and "get_target_delegate" not in vars(target)
        ):
            return target.rules
        return None


_FIND_HANDLER: Final = RuleRouter.find_handler
_FIND_RULE: Final = RuleRouter.find_rule


def _is_plain(router: RuleRouter) -> bool:
    """Whether a router looks for rules the way it is written above."""
    cls = type(router)
    return (
        cls.find_handler is _FIND_HANDLER
        and cls.find_rule is _FIND_RULE
        and vars(router).keys().isdisjoint(("find_handler", "find_rule"))
    )


class ReversibleRuleRouter(ReversibleRouter, RuleRouter):
    """A :class:`RuleRouter` that builds the URLs of its named rules, and of routers inside it.

    :ivar named_rules: dict of rule by name.
    """

    def __init__(self, rules: Sequence[RuleLike] | None = None) -> None:
        self.named_rules: dict[str, Rule] = {}
        super().__init__(rules)

    def process_rule(self, rule: Rule) -> Rule:
        """Remember the name of a rule; the last one added with a name has it."""
        rule = super().process_rule(rule)
        if rule.name:
            if rule.name in self.named_rules:
                app_log.warning("Multiple handlers named %s; replacing previous value", rule.name)
            self.named_rules[rule.name] = rule
        return rule

    def reverse_url(self, name: str, *args: Any) -> str | None:
        """Build the URL of a named rule here, or else in one of the routers that are targets.

        :arg name: name of the rule.
        :arg args: values for the groups of its pattern, in order.
        :returns: the path, or None when there is no such rule.
        :raises ValueError: the pattern can not be reversed, or takes another number of values.
        """
        rule = self.named_rules.get(name)
        if rule is not None:
            return rule.matcher.reverse(*args)
        for rule in self.rules:
            if isinstance(rule.target, ReversibleRouter):
                url = rule.target.reverse_url(name, *args)
                if url is not None:
                    return url
        return None
