"""From a request to whoever answers it (Tornado 4.5's ``routing``).

A :class:`Router` maps an :class:`~whirlwind.httputil.HTTPServerRequest` to an
:class:`~whirlwind.httputil.HTTPMessageDelegate`. :class:`RuleRouter` does so with an ordered list
of :class:`Rule`, each a :class:`Matcher` and a target; the first rule whose matcher agrees and
whose target accepts the request wins. A target is another router, an
:class:`~whirlwind.httputil.HTTPServerConnectionDelegate`, a callable that takes the request, and in
an ``Application`` a ``RequestHandler`` class or a list of further rules::

    router = RuleRouter([
        Rule(PathMatches("/api/.*"), api_application),
        Rule(HostMatches("docs.example.com"), docs_application),
        ("/health", answer_health_check),
    ])
    server = HTTPServer(router)

Two ways lead through the same rules. :meth:`Router.find_handler` is the general one: it asks every
matcher and honours every override. :meth:`RuleRouter.find_rule` is the short one, used where only
paths decide: literal paths are one dict lookup, all others walk the compiled patterns. It says
``NotImplemented`` whenever it would have to guess. Its tables are thrown away when any rule list,
rule or path matcher changes, so ``router.rules`` may be edited at any time.
"""

from collections.abc import Sequence

from whirlwind._public import claim
from whirlwind.routing.matchers import (
    AnyMatches,
    DefaultHostMatches,
    HostMatches,
    Matcher,
    PathMatches,
)
from whirlwind.routing.router import ReversibleRouter, Router
from whirlwind.routing.rule_router import ReversibleRuleRouter, RuleRouter
from whirlwind.routing.rules import Rule, RuleLike, URLSpec

#: What takes rules takes this; Thumbor annotates with Tornado's name for it.
_RuleList = Sequence[RuleLike]

__all__ = [
    "AnyMatches",
    "DefaultHostMatches",
    "HostMatches",
    "Matcher",
    "PathMatches",
    "ReversibleRouter",
    "ReversibleRuleRouter",
    "Router",
    "Rule",
    "RuleRouter",
    "URLSpec",
]

claim(
    "whirlwind.routing",
    AnyMatches,
    DefaultHostMatches,
    HostMatches,
    Matcher,
    PathMatches,
    ReversibleRouter,
    ReversibleRuleRouter,
    Router,
    Rule,
    RuleRouter,
    URLSpec,
)
