"""whirlwind.routing: matchers, rules, routers, reversing, and find_rule against find_handler."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whirlwind import routing
from whirlwind.httputil import (
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
    RequestStartLine,
)
from whirlwind.routing import (
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


class Connection:
    """An HTTPConnection that notes what it is told to send."""

    context = None

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def write_headers(
        self, start_line: Any, headers: HTTPHeaders, chunk: bytes | None = None
    ) -> None:
        self.sent.append((start_line.code, dict(headers.get_all())))

    def finish(self) -> None:
        self.sent.append("finish")


def request(path: str = "/", host: str = "example.com", **fields: str) -> HTTPServerRequest:
    return HTTPServerRequest(
        start_line=RequestStartLine("GET", path, "HTTP/1.1"),
        headers=HTTPHeaders({"Host": host} | {k.replace("_", "-"): v for k, v in fields.items()}),
        connection=Connection(),
    )


class Target(HTTPMessageDelegate):
    """What Recorder makes for a class target."""

    def __init__(self, target: Any, params: dict[str, Any]) -> None:
        self.target = target
        self.params = params


class Recorder(RuleRouter):
    """Answers for classes itself, as an Application does for handlers."""

    def process_rule(self, rule: Rule) -> Rule:
        if isinstance(rule.target, list):
            rule.target = Recorder(rule.target)
        return rule

    def get_target_delegate(
        self, target: Any, request: HTTPServerRequest, **target_params: Any
    ) -> HTTPMessageDelegate | None:
        if isinstance(target, type):
            return Target(target, target_params)
        return super().get_target_delegate(target, request, **target_params)


class A: ...


class B: ...


class C: ...


# --- matchers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/a", "/a", {}),
        ("/a", "/ab", None),
        ("/a$", "/a", {}),
        ("^/a$", "/a", {}),
        ("/(.*)", "/a%20b+c/%ff", {"path_args": [b"a b+c/\xff"], "path_kwargs": {}}),
        ("/(.*)", "/é", {"path_args": [b"\xc3\xa9"], "path_kwargs": {}}),
        ("/(a)?(b)?", "/b", {"path_args": [None, b"b"], "path_kwargs": {}}),
        (
            r"/(?P<x>.*)/(?P<y>\d+)?",
            "/a/",
            {"path_args": [], "path_kwargs": {"x": b"a", "y": None}},
        ),
        (re.compile("/x"), "/xyz", {}),
        ("/%7e", "/~", None),
    ],
)
def test_path_matches(
    pattern: str | re.Pattern[str], path: str, expected: dict[str, Any] | None
) -> None:
    assert PathMatches(pattern).match(request(path)) == expected


def test_groups_with_and_without_names_do_not_mix() -> None:
    with pytest.raises(ValueError, match=r"'/\(\?P<x>a\)/\(b\)\$' mixes named and unnamed"):
        PathMatches("/(?P<x>a)/(b)")


@pytest.mark.parametrize(
    ("pattern", "args", "path"),
    [
        (r"/favicon\.ico", (), "/favicon.ico"),
        ("/favicon.ico", (), "/favicon.ico"),
        (r"^/api/v1/(\w+)$", ("bar",), "/api/v1/bar"),
        (r"/(\w+)/x/([0-9]+)/icon\.png", ("a b", 5), "/a%20b/x/5/icon.png"),
        ("/(?P<name>.*)", ("é/1?2#3&4%5+6",), "/%C3%A9/1%3F2%233%264%255%2B6"),
        ("/(.*)", (b"\xe9",), "/%E9"),
        ("/(.*)", (None,), "/None"),
        ("/100%/(.*)", ("x",), "/100%/x"),
        (r"/\(x\)/([()]+)", ("y",), "/(x)/y"),
        (r"/([^])]*)/(a\)b)", ("1", "2"), "/1/2"),
        ("/list/?", (), "/list/?"),
        ("", (), ""),
    ],
)
def test_reverse(pattern: str, args: tuple[Any, ...], path: str) -> None:
    assert PathMatches(pattern).reverse(*args) == path


@pytest.mark.parametrize(
    "pattern", ["/a(?:b)?", r"/\d", "/((a)b)", "/(a)(?!b)", r"/a\Z", r"/(a)\1"]
)
def test_patterns_that_can_not_be_reversed(pattern: str) -> None:
    matcher = PathMatches(pattern)
    with pytest.raises(ValueError, match="can not reverse url pattern"):
        matcher.reverse("x", "y")


@pytest.mark.parametrize("args", [(), ("1", "2")])
def test_reverse_counts_its_values(args: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=rf"takes 1 values, not {len(args)}"):
        PathMatches("/(.*)").reverse(*args)


@pytest.mark.parametrize(
    ("pattern", "host", "matches"),
    [
        ("example.com", "example.com", True),
        ("example.com", "EXAMPLE.com:8080", True),
        ("example.com", "www.example.com", False),
        ("example.com", "example.com.evil", False),
        (re.compile("exam"), "example.com", True),
        (".*", "x", True),
    ],
)
def test_host_matches(pattern: str | re.Pattern[str], host: str, matches: bool) -> None:
    assert HostMatches(pattern).match(request(host=host)) == ({} if matches else None)


def test_default_host_matches() -> None:
    class Application:
        default_host = "a.com"

    matcher = DefaultHostMatches(Application(), re.compile("a.com$"))
    assert matcher.match(request()) == {}
    assert matcher.match(request(X_Real_Ip="1.2.3.4")) is None
    assert DefaultHostMatches(Application(), re.compile("b.com$")).match(request()) is None


def test_any_matches_gives_a_new_dict_each_time() -> None:
    first, second = (AnyMatches().match(request()) for _ in range(2))
    assert first == second == {}
    assert first is not second


def test_bases_decide_nothing() -> None:
    with pytest.raises(NotImplementedError):
        Matcher().match(request())
    with pytest.raises(NotImplementedError):
        Router().find_handler(request())
    with pytest.raises(NotImplementedError):
        ReversibleRouter().reverse_url("x")
    assert Matcher().reverse("x") is None


# --- rules ---------------------------------------------------------------------------------------


def test_rule_and_urlspec_attributes() -> None:
    rule = Rule(AnyMatches(), A)
    assert (rule.target, rule.target_kwargs, rule.name) == (A, {}, None)
    spec = URLSpec("/(.*)", A, {"x": 1}, "name")
    assert (spec.handler_class, spec.kwargs, spec.target_kwargs) == (A, {"x": 1}, {"x": 1})
    assert spec.regex.pattern == "/(.*)$"
    assert spec.reverse("y") == "/y"
    assert repr(spec) == f"URLSpec('/(.*)$', {A!r}, kwargs={{'x': 1}}, name='name')"
    assert repr(rule).startswith("Rule(<whirlwind.routing.AnyMatches object")
    assert URLSpec("/", A).kwargs is None


def test_targets_by_name() -> None:
    assert URLSpec("/", "whirlwind.routing.Router").handler_class is Router
    (rule,) = RuleRouter([("/", "whirlwind.routing.Router")]).rules
    assert rule.target is Router
    with pytest.raises(ImportError):
        URLSpec("/", "whirlwind.no_such_module.X")


@pytest.mark.parametrize(
    "rule",
    [
        ("/", A),
        ["/", A, {"x": 1}],
        ("/", A, None, "n"),
        (PathMatches("/"), A),
        (re.compile("/$"), A),
        URLSpec("/", A),
    ],
)
def test_what_may_stand_for_a_rule(rule: Any) -> None:
    router = RuleRouter([rule])
    (made,) = router.rules
    assert isinstance(made, Rule)
    assert made.target is A
    assert made.matcher.match(request("/")) == {}


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ("/", TypeError),
        (None, TypeError),
        ((b"/", A), TypeError),
        (("/",), ValueError),
        (("/", A, {}, "n", 1), ValueError),
    ],
)
def test_what_may_not(rule: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=re.escape(repr(rule[0] if isinstance(rule, tuple) else rule))):
        RuleRouter([rule])


# --- the general path ----------------------------------------------------------------------------


def found(router: RuleRouter, path: str, **how: Any) -> Any:
    delegate = router.find_handler(request(path, **how))
    return delegate and (delegate.target, delegate.params)  # type: ignore[attr-defined]


def test_first_match_wins_and_target_kwargs_come_along() -> None:
    router = Recorder([("/a", A, {"k": 1}), ("/(.*)", B), (AnyMatches(), C)])
    assert found(router, "/a") == (A, {"target_kwargs": {"k": 1}})
    assert found(router, "/b") == (B, {"path_args": [b"b"], "path_kwargs": {}})
    assert found(router, "*") == (C, {})


def test_a_target_that_declines_is_passed_over() -> None:
    class Declines(Router):
        def find_handler(
            self, request: HTTPServerRequest, **kwargs: Any
        ) -> HTTPMessageDelegate | None:
            self.kwargs = kwargs
            return None

    declines = Declines()
    router = Recorder([("/(.*)", declines, {"k": 1}), ("/a", 5), ("/a", A)])
    assert found(router, "/a") == (A, {})
    assert declines.kwargs == {
        "path_args": [b"a"],
        "path_kwargs": {},
        "target_kwargs": {"k": 1},
    }


def test_nested_routers_and_lists() -> None:
    router = Recorder(
        [
            (HostMatches("a.com"), [("/x", A), (PathMatches("/y.*"), [("/y/(.*)", B)])]),
            ("/x", C),
        ]
    )
    assert found(router, "/x", host="a.com") == (A, {})
    assert found(router, "/y/1", host="a.com") == (B, {"path_args": [b"1"], "path_kwargs": {}})
    assert found(router, "/x", host="b.com") == (C, {})
    assert found(router, "/y/1", host="b.com") is None


def test_connection_delegate_as_target() -> None:
    class Starts(HTTPServerConnectionDelegate):
        def start_request(self, server_conn: object, request_conn: Any) -> HTTPMessageDelegate:
            return Target(server_conn, {"conn": request_conn})

    asked = request("/d")
    asked.server_connection = "server"
    delegate = RuleRouter([("/d", Starts())]).find_handler(asked)
    assert isinstance(delegate, Target)
    assert delegate.target == "server"
    assert delegate.params["conn"] is asked.connection


@pytest.mark.parametrize("target", [A, HTTPServerConnectionDelegate()])
def test_targets_need_a_connection(target: Any) -> None:
    asked = request("/d")
    asked.connection = None
    with pytest.raises(ValueError, match="no connection"):
        RuleRouter([("/d", target)]).find_handler(asked)


def run(router: Router, method: str, path: str, *chunks: bytes, **fields: str) -> Connection:
    connection = Connection()
    delegate = router.start_request("server", connection)  # type: ignore[arg-type]
    headers = HTTPHeaders({"Host": "x"} | {k.replace("_", "-"): v for k, v in fields.items()})
    delegate.headers_received(RequestStartLine(method, path, "HTTP/1.1"), headers)
    for chunk in chunks:
        delegate.data_received(chunk)
    delegate.finish()
    return connection


def test_callable_target_gets_the_whole_request_with_its_form() -> None:
    seen: list[HTTPServerRequest] = []
    router = RuleRouter([("/a", seen.append)])
    form = "application/x-www-form-urlencoded"
    connection = run(router, "POST", "/a?x=1&y=q", b"y=2", b"&z=3", Content_Type=form)
    (asked,) = seen
    assert (asked.body, asked.connection) == (b"y=2&z=3", connection)
    assert asked.arguments == {"x": [b"1"], "y": [b"q", b"2"], "z": [b"3"]}
    assert asked.body_arguments == {"y": [b"2"], "z": [b"3"]}
    assert asked.query_arguments == {"x": [b"1"], "y": [b"q"]}


def test_callable_target_takes_what_the_rule_found() -> None:
    seen: list[Any] = []

    def answer(request: HTTPServerRequest, **found: Any) -> None:
        seen.append((request.body, found))

    run(RuleRouter([("/(.*)", answer, {"k": 1})]), "PUT", "/b", b"{}")
    assert seen == [(b"{}", {"path_args": [b"b"], "path_kwargs": {}, "target_kwargs": {"k": 1}})]


def test_a_bad_form_never_reaches_the_callable() -> None:
    seen: list[HTTPServerRequest] = []
    with pytest.raises(HTTPInputError):
        run(
            RuleRouter([("/a", seen.append)]),
            "POST",
            "/a",
            b"x",
            Content_Type="multipart/form-data",
        )
    assert seen == []


async def test_callable_target_may_be_a_coroutine_function() -> None:
    finished = asyncio.Event()

    async def answer(request: HTTPServerRequest) -> None:
        await asyncio.sleep(0)
        finished.set()

    run(RuleRouter([("/a", answer)]), "GET", "/a")
    await asyncio.wait_for(finished.wait(), 5)


def test_no_route_answers_404() -> None:
    assert run(RuleRouter(), "GET", "/").sent == [(404, {"Content-Length": "0"}), "finish"]


def test_everything_goes_to_the_delegate_found() -> None:
    class Notes(HTTPMessageDelegate):
        def __init__(self) -> None:
            self.calls: list[Any] = []

        def headers_received(self, start_line: Any, headers: HTTPHeaders) -> Any:
            self.calls.append((start_line.method, headers["Host"]))
            return "headers"

        def data_received(self, chunk: bytes) -> Any:
            self.calls.append(chunk)
            return "data"

        def finish(self) -> None:
            self.calls.append("finish")

        def on_connection_close(self) -> None:
            self.calls.append("closed")

    notes = Notes()

    class Only(Router):
        def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate:
            self.request = request
            return notes

    router = Only()
    connection: Any = Connection()
    delegate = router.start_request("server", connection)
    delegate.on_connection_close()  # before the head: nobody to tell
    headers: Any = delegate.headers_received(
        RequestStartLine("GET", "/q?a=1", "HTTP/1.1"), HTTPHeaders({"Host": "x"})
    )
    data: Any = delegate.data_received(b"abc")
    delegate.finish()
    delegate.on_connection_close()
    assert (headers, data) == ("headers", "data")
    assert notes.calls == [("GET", "x"), b"abc", "finish", "closed"]
    assert (router.request.path, router.request.query) == ("/q", "a=1")
    assert router.request.server_connection == "server"


# --- reversing -----------------------------------------------------------------------------------


def test_reverse_url_looks_into_nested_routers() -> None:
    inner = ReversibleRuleRouter([("/in/(.*)", A, {}, "inner"), ("/hidden", A, {}, "outer")])
    router = ReversibleRuleRouter([("/out/(.*)", A, {}, "outer"), (AnyMatches(), inner)])
    assert router.reverse_url("outer", 1) == "/out/1"
    assert router.reverse_url("inner", "x") == "/in/x"
    assert router.reverse_url("nobody") is None
    assert set(router.named_rules) == {"outer"}


def test_a_name_taken_twice_is_the_last_ones(caplog: pytest.LogCaptureFixture) -> None:
    router = ReversibleRuleRouter([("/1", A, {}, "n"), ("/2", A, {}, "n")])
    assert router.reverse_url("n") == "/2"
    assert [record.getMessage() for record in caplog.records] == [
        "Multiple handlers named n; replacing previous value"
    ]


# --- find_rule -----------------------------------------------------------------------------------


def short(router: RuleRouter, path: str) -> Any:
    result = router.find_rule(path)
    if isinstance(result, tuple):
        target, _, args, kwargs = result
        return target, args, kwargs
    return result


def test_find_rule() -> None:
    router = Recorder([("/a", A), (r"/b\.c", B), ("/x/(.*)/(.*)", B), ("/(?P<n>.+)", C)])
    assert short(router, "/a") == (A, None, None)
    assert short(router, "/b.c") == (B, None, None)
    assert short(router, "/x/%2f/é") == (B, (b"/", "é".encode()), None)
    assert short(router, "/bxc") == (C, None, {"n": b"bxc"})
    assert short(router, "/") is None


def test_find_rule_shares_nothing_mutable() -> None:
    router = Recorder([("/(?P<n>.+)", C)])
    first, second = short(router, "/a")[2], short(router, "/a")[2]
    assert first == second
    assert first is not second


def test_find_rule_keeps_the_order() -> None:
    router = Recorder([("/a.*", A), ("/ab", B), ("/b", B), ("/b.*", C), ("/b", A)])
    assert short(router, "/ab") == (A, None, None)
    assert short(router, "/b") == (B, None, None)
    assert short(router, "/bb") == (C, None, None)


def test_find_rule_looks_through_wildcards_only() -> None:
    inside = [("/in", B)]
    router = Recorder([("/a", A), (HostMatches(".*$"), inside), (AnyMatches(), [("/any", C)])])
    assert [short(router, path) for path in ("/a", "/in", "/any", "/no")] == [
        (A, None, None),
        (B, None, None),
        (C, None, None),
        None,
    ]
    router = Recorder([("/a", A), (HostMatches("x.com"), inside), ("/b", B)])
    assert [short(router, path) for path in ("/a", "/b", "/in")] == [
        (A, None, None),
        NotImplemented,
        NotImplemented,
    ]


def test_find_rule_does_not_decide_for_targets_that_may_decline() -> None:
    router = Recorder([("/r", RuleRouter()), ("/f", len), ("/(.)", Router()), ("/a", A)])
    assert [short(router, path) for path in ("/r", "/f", "/a", "/none")] == [
        NotImplemented,
        NotImplemented,
        NotImplemented,
        None,
    ]


def test_find_rule_leaves_overrides_alone() -> None:
    class OwnMatcher(PathMatches):
        pass

    class OwnRouter(Recorder):
        def find_handler(
            self, request: HTTPServerRequest, **kwargs: Any
        ) -> HTTPMessageDelegate | None:
            return None

    class OwnTargets(Recorder):
        def get_target_delegate(self, target: Any, request: Any, **params: Any) -> None:
            return None

    assert short(Recorder([(OwnMatcher("/a"), A)]), "/a") is NotImplemented
    assert short(OwnRouter([("/a", A)]), "/a") is NotImplemented
    for nested in (OwnRouter([("/a", A)]), OwnTargets([("/a", A)])):
        assert short(Recorder([(AnyMatches(), nested)]), "/a") is NotImplemented


def test_find_rule_with_a_router_inside_itself() -> None:
    router = Recorder([("/a", A)])
    router.rules.append(Rule(AnyMatches(), router))
    assert short(router, "/a") == (A, None, None)
    assert short(router, "/b") is NotImplemented


def move_and_retarget(rules: list[Rule]) -> None:
    rules[1].matcher = PathMatches("/z")
    rules[0].target = C


@pytest.fixture
def router() -> Recorder:
    made = Recorder([("/a", A), ("/b", B)])
    assert short(made, "/a") == (A, None, None)
    return made


@pytest.mark.parametrize(
    "edit",
    [
        lambda rules: rules.insert(0, URLSpec("/a", C)),
        lambda rules: rules.__setitem__(0, URLSpec("/a", C)),
        lambda rules: rules.__setitem__(slice(0, 1), [URLSpec("/a", C), URLSpec("/c", A)]),
        lambda rules: (rules.clear(), rules.append(URLSpec("/a", C))),
        lambda rules: (rules.pop(0), rules.extend([URLSpec("/a", C)])),
        lambda rules: (rules.remove(rules[0]), rules.__iadd__([URLSpec("/a", C)])),
        lambda rules: (rules.append(URLSpec("/a", C)), rules.reverse()),
        lambda rules: (rules.append(URLSpec("/a", C)), rules.sort(key=lambda r: r.target is not C)),
        lambda rules: (rules.append(URLSpec("/a", C)), rules.__delitem__(0)),
        lambda rules: (rules.__imul__(0), rules.append(URLSpec("/a", C))),
        move_and_retarget,
    ],
)
def test_edits_of_the_rules_take_effect(edit: Any, router: Recorder) -> None:
    edit(router.rules)
    assert short(router, "/a") == (C, None, None)
    assert found(router, "/a") == (C, {})


def test_every_edit_of_the_list_counts(router: Recorder) -> None:
    rules: Any = router.rules
    versions = [rules.version]
    rules.append(URLSpec("/", A))
    versions.append(rules.version)
    rules[:] = [URLSpec("/", A)]
    versions.append(rules.version)
    rules += [URLSpec("/", A)]
    versions.append(rules.version)
    assert versions == sorted(set(versions))


def test_a_new_list_takes_effect_and_counts_too(router: Recorder) -> None:
    router.rules = [URLSpec("/a", C)]
    assert short(router, "/a") == (C, None, None)
    router.rules.insert(0, URLSpec("/a", B))
    assert short(router, "/a") == (B, None, None)


def test_edits_deep_inside_take_effect() -> None:
    router = Recorder([(AnyMatches(), [(AnyMatches(), [("/a", A)])])])
    assert short(router, "/a") == (A, None, None)
    router.rules[0].target.rules[0].target.rules.insert(0, URLSpec("/a", C))
    assert short(router, "/a") == (C, None, None)


def test_a_changed_pattern_takes_effect(router: Recorder) -> None:
    matcher: Any = router.rules[0].matcher
    matcher.regex = re.compile("/new$")
    assert short(router, "/new") == (A, None, None)
    assert short(router, "/a") is None


def test_patched_methods_are_asked(router: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(PathMatches, "match", lambda self, request: None)
        assert short(router, "/a") is NotImplemented
        assert found(router, "/a") is None
    assert short(router, "/a") == (A, None, None)
    with monkeypatch.context() as patch:
        patch.setattr(RuleRouter, "find_handler", lambda self, request, **kwargs: None)
        assert short(router, "/a") is NotImplemented
    assert short(router, "/a") == (A, None, None)
    monkeypatch.setattr(router.rules[1].matcher, "match", lambda request: {})
    assert short(router, "/a") == (A, None, None)
    assert short(router, "/b") is NotImplemented


PATTERNS = st.sampled_from(
    [
        "/",
        "/a",
        "/a/b",
        "/b",
        r"/a\.b",
        r"/\/",
        "/a.b",
        "^/a$",
        "/(.*)",
        "/a(/.*)?",
        "/(?P<x>[ab])",
        "/(?P<x>.)/(?P<y>.*)",
        "/a|/b",
        "/[ab]",
        "/a+",
        "(?i:/A)",
        "/a$|/b/(.*)",
        "/é",
        "",
        re.compile("/a"),
        re.compile("/A", re.IGNORECASE),
        re.compile("/a$", re.MULTILINE),
        re.compile(" /b $", re.VERBOSE),
    ]
)
PATHS = st.one_of(
    st.sampled_from(
        ["/", "/a", "/a/b", "/b", "/a.b", "//", "/axb", "/A", "/é", "", "/a\n", "/b\n"]
    ),
    st.text("/ab.%20\n", max_size=6).map(lambda text: "/" + text),
)
CLASSES = st.sampled_from([A, B, C])
TARGETS = st.one_of(CLASSES, st.just(5), st.just(len), st.builds(Router))


def rule_lists(depth: int) -> st.SearchStrategy[list[Any]]:
    matchers = st.one_of(
        PATTERNS, PATTERNS, st.sampled_from([AnyMatches(), HostMatches(".*"), HostMatches("h")])
    )
    targets = CLASSES if depth == 0 else st.one_of(CLASSES, CLASSES, rule_lists(depth - 1), TARGETS)
    return st.lists(st.tuples(matchers, targets), max_size=6)


class Careful(Recorder):
    """Answers for every target, so that find_handler can be compared."""

    def process_rule(self, rule: Rule) -> Rule:
        if isinstance(rule.target, list):
            rule.target = Careful(rule.target)
        return rule

    def get_target_delegate(
        self, target: Any, request: HTTPServerRequest, **target_params: Any
    ) -> HTTPMessageDelegate | None:
        if isinstance(target, type):
            return Target(target, target_params)
        return target.find_handler(request) if isinstance(target, Careful) else None


@settings(max_examples=400, deadline=None)
@given(rules=rule_lists(2), paths=st.lists(PATHS, min_size=1, max_size=5), host=st.just("h"))
def test_find_rule_agrees_with_find_handler(rules: list[Any], paths: list[str], host: str) -> None:
    router = Careful(rules)
    for path in paths:
        asked = HTTPServerRequest(method="GET", uri=path, headers=HTTPHeaders({"Host": host}))
        asked.path = path
        result = router.find_rule(path)
        if result is NotImplemented:
            continue
        delegate: Any = router.find_handler(asked)
        if result is None:
            assert delegate is None
            continue
        target, target_kwargs, args, kwargs = result
        assert delegate is not None
        assert delegate.target is target
        assert delegate.params.get("target_kwargs", {}) == target_kwargs
        assert delegate.params.get("path_args", []) == list(args or ())
        assert delegate.params.get("path_kwargs", {}) == (kwargs or {})


@settings(max_examples=200, deadline=None)
@given(patterns=st.lists(PATTERNS, max_size=8), paths=st.lists(PATHS, min_size=1, max_size=5))
def test_find_rule_always_decides_among_paths(patterns: list[Any], paths: list[str]) -> None:
    router = Careful([(pattern, A) for pattern in patterns])
    assert all(router.find_rule(path) is not NotImplemented for path in paths)


def test_public_names() -> None:
    for name in routing.__all__:
        assert getattr(routing, name).__module__ == "whirlwind.routing"


@pytest.fixture(autouse=True)
def _classes_are_whole() -> Iterator[None]:
    before = PathMatches.match
    yield
    assert PathMatches.match is before
