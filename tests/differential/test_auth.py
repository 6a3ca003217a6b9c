"""The same requests to providers, cookies, redirects and users as Tornado's mixins.

Differences: what a provider or a browser sends that is no token is an `AuthError` and not whatever
reading it raises; ``oauth2_request`` sends its arguments without a token too; a query in a signed
URL stays one, and is signed (RFC 5849 section 3.4.1.3.1).
"""

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from tests.differential.oracle import Oracle, tornado_python

PYTHON = tornado_python()

pytestmark = pytest.mark.skipif(
    PYTHON is None, reason="no Tornado: set WHIRLWIND_TORNADO_PYTHON to a Python that has it"
)

# Calls one method of a handler that has no server, and tells all it did.
PROGRAM = r'''
import asyncio, importlib, secrets, time, types, urllib.parse, uuid, warnings
from unittest import mock
auth = importlib.import_module(package + ".auth")

class Nonce:
    bytes = b"nonce"

class Client:
    def __init__(self, answers):
        self.answers = list(answers)
        self.asked = []

    async def fetch(self, url, **options):
        self.asked.append((comparable(url), {k: comparable(v) for k, v in options.items()}))
        return types.SimpleNamespace(body=self.answers.pop(0).encode())

def comparable(text):
    """A URL or form as sets: Tornado asks for some things in the order of a set."""
    if not isinstance(text, str):
        return text
    base, mark, query = text.rpartition("?")
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
    return base, sorted((n, sorted(v.split(",")) if "," in v else v) for n, v in pairs)

def handler_of(mixin, hooks, request, answers, settings):
    url = request.get("url", "http://site.example/login?next=%2Fx")
    given = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
    given.update(request.get("arguments", {}))

    class Handler(getattr(auth, mixin)):
        def __init__(self):
            self.did = []
            self.client = Client(answers)
            self.settings = settings
            self.request = types.SimpleNamespace(
                full_url=lambda: url, host="site.example:80", uri=url,
                arguments={name: [value.encode()] for name, value in given.items()},
            )

        def get_auth_http_client(self):
            return self.client

        def get_argument(self, name, default=None):
            return given.get(name, default)

        def get_cookie(self, name):
            return request.get("cookies", {}).get(name)

        def set_cookie(self, name, value):
            self.did.append(("set", name, value))

        def clear_cookie(self, name):
            self.did.append(("clear", name))

        def redirect(self, url):
            self.did.append(("redirect", comparable(url)))

        def finish(self, chunk):
            self.did.append(("finish", chunk))

        def require_setting(self, name, feature=""):
            assert settings[name], name

        def _oauth_consumer_token(self):
            if mixin == "TwitterMixin":
                return super()._oauth_consumer_token()
            return {"key": "consumer", "secret": "secret &"}

        async def _oauth_get_user_future(self, token):
            if mixin == "TwitterMixin":
                return await super()._oauth_get_user_future(token)
            return {"token": dict(token)}

    for name, value in hooks.items():
        setattr(Handler, name, value)
    return Handler()

async def outcome(handler, method, args, kwargs):
    try:
        result = getattr(handler, method)(*args, **kwargs)
        if hasattr(result, "__await__"):
            result = await result
        return "returned", result
    except Exception as error:
        return "raised", "AuthError" if isinstance(error, auth.AuthError) else "another"

def run(mixin, method, args, kwargs, hooks, request, answers, settings):
    with (
        warnings.catch_warnings(),
        mock.patch.object(time, "time", lambda: 1_700_000_000.5),
        mock.patch.object(uuid, "uuid4", lambda: Nonce),
        mock.patch.object(secrets, "token_hex", lambda size: Nonce.bytes.hex()),
    ):
        warnings.simplefilter("ignore")
        handler = handler_of(mixin, hooks, request, answers, settings)
        result = asyncio.run(outcome(handler, method, args, kwargs))
        return result, handler.did, handler.client.asked
'''

URLS = {
    "_OAUTH_REQUEST_TOKEN_URL": "http://provider/Request",
    "_OAUTH_ACCESS_TOKEN_URL": "https://PROVIDER:8443/access",
    "_OAUTH_AUTHORIZE_URL": "http://provider/authorize",
}
FIRST = {**URLS, "_OAUTH_VERSION": "1.0"}
REGISTERED = {**URLS, "_OAUTH_NO_CALLBACKS": True}
ENDPOINT = {"_OPENID_ENDPOINT": "http://provider/openid"}
TOKEN = "oauth_token=zxcv&oauth_token_secret=12%2034"
BACK: dict[str, Any] = {
    "arguments": {"oauth_token": "zxcv"},
    "cookies": {"_oauth_request_token": "enhjdg==|MTIzNA=="},
}
VERIFIED = {**BACK, "arguments": {**BACK["arguments"], "oauth_verifier": "v/"}}
USER_TOKEN = {"key": "user", "secret": "user/secret"}
TWITTER = {"twitter_consumer_key": "tk", "twitter_consumer_secret": "t&s"}
GOOGLE = {"google_oauth": {"key": "gk", "secret": "gs"}}
AX = "http://openid.net/srv/ax/1.0"
KINDS = "http://axschema.org/"


def attributes(**given: tuple[str, str]) -> dict[str, Any]:
    arguments = {"openid.mode": "id_res", "openid.ns.x": AX, "openid.claimed_id": "http://me"}
    for alias, (kind, value) in given.items():
        arguments[f"openid.x.type.{alias}"] = KINDS + kind
        arguments[f"openid.x.value.{alias}"] = value
    return {"arguments": arguments}


def case(
    mixin: str,
    method: str,
    *args: Any,
    hooks: dict[str, Any] | None = None,
    request: dict[str, Any] | None = None,
    answers: tuple[str, ...] = (),
    settings: dict[str, Any] | None = None,
    **kwargs: Any,
) -> Any:
    given = (mixin, method, args, kwargs, hooks or {}, request or {}, answers, settings or {})
    return pytest.param(given, id=f"{mixin}.{method}")


CASES = [
    *(
        case("OAuthMixin", "authorize_redirect", to, more, hooks=hooks, answers=(TOKEN,))
        for hooks in (URLS, FIRST, REGISTERED)
        for to in (None, "oob", "/back?x=1", "http://other/back")
        for more in (None, {"a": "b c"})
    ),
    *(
        case("OAuthMixin", "get_authenticated_user", hooks=hooks, request=request,
             answers=(TOKEN + "&name=ann",))
        for hooks in (URLS, FIRST)
        for request in (BACK, VERIFIED, {"arguments": {"oauth_token": "zxcv"}},
                        {**BACK, "arguments": {"oauth_token": "another"}})
    ),
    *(
        case("OAuthMixin", "_oauth_request_parameters", "http://Host.example:80/a b", USER_TOKEN,
             parameters, method, hooks=hooks)
        for hooks in (URLS, FIRST)
        for parameters in ({}, {"a": "b c", "x": 5, "y": "&=+~/é"})
        for method in ("GET", "post")
    ),
    *(
        case("TwitterMixin", method, settings=TWITTER, answers=(TOKEN,), **kwargs)
        for method in ("authorize_redirect", "authenticate_redirect")
        for kwargs in ({}, {"callback_uri": "/back"})
    ),
    case("TwitterMixin", "get_authenticated_user", settings=TWITTER, request=VERIFIED,
         answers=(TOKEN + "&screen_name=ann", '{"screen_name": "ann", "name": "Ann"}')),
    case("TwitterMixin", "get_authenticated_user", settings=TWITTER, request=BACK,
         answers=(TOKEN, "null")),
    case("TwitterMixin", "twitter_request", "/a", USER_TOKEN, {"status": "hi é"}, q="1",
         settings=TWITTER, answers=("{}",)),
    case("TwitterMixin", "twitter_request", "/users/show/x", USER_TOKEN, q="b c",
         settings=TWITTER, answers=("{}",)),
    case("TwitterMixin", "twitter_request", "http://other/x.json", USER_TOKEN,
         settings=TWITTER, answers=("[1]",)),
    case("TwitterMixin", "twitter_request", "/x", None, q="1", answers=("{}",)),
    *(
        case("OAuth2Mixin", "authorize_redirect", hooks=hooks, **kwargs)
        for hooks in (URLS, {"_OAUTH_AUTHORIZE_URL": "http://p/a?q=1"})
        for kwargs in (
            {},
            {"redirect_uri": "http://s/b?c=d", "client_id": "i", "client_secret": "s"},
            {"extra_params": {"a": "b"}, "scope": ["x", "y"], "response_type": "token"},
            {"scope": []},
        )
    ),
    case("OAuth2Mixin", "_oauth_request_token_url", hooks=URLS),
    case("OAuth2Mixin", "_oauth_request_token_url", "r", "i", "s", "c", {"z": "1"}, hooks=URLS),
    *(
        case("OAuth2Mixin", "oauth2_request", "http://p/me", *given, answers=('{"a": 1}',))
        for given in (("tok",), (), ("tok", {"m": "é x"}), (None, {}))
    ),
    case("OAuth2Mixin", "oauth2_request", "http://p/me", "tok", fields="a,b", answers=("[]",)),
    case("OAuth2Mixin", "oauth2_request", "http://p/me", answers=("junk",)),
    case("GoogleOAuth2Mixin", "get_authenticated_user", "http://r", "code", settings=GOOGLE,
         answers=('{"access_token": "t"}',)),
    case("GoogleOAuth2Mixin", "get_authenticated_user", "http://r", "code", "i", "s",
         answers=('{"access_token": "t"}',)),
    case("GoogleOAuth2Mixin", "get_authenticated_user", "http://r", "code", "i", settings=GOOGLE,
         answers=('{"access_token": "t"}',)),
    case("GoogleOAuth2Mixin", "get_google_oauth_settings", settings=GOOGLE),
    *(
        case("FacebookGraphMixin", "get_authenticated_user", "http://r", "i", "s", "c", extra,
             answers=('{"access_token": "t", "expires_in": 3600}', user))
        for extra in (None, {"email": ""})
        for user in ('{"id": "1", "name": "N", "email": "e", "odd": 1}', "{}", "null")
    ),
    case("FacebookGraphMixin", "facebook_request", "/me/feed", "t", {"m": "x"}, answers=("{}",)),
    case("FacebookGraphMixin", "facebook_request", "/me", "t", fields="a", answers=("{}",)),
    *(
        case("OpenIdMixin", "authenticate_redirect", to, wanted, hooks=ENDPOINT)
        for to in (None, "/back", "https://s/back")
        for wanted in (["name", "email", "language", "username"], ["email"], [])
    ),
    case("OpenIdMixin", "_openid_args", "/back", [], oauth_scope="scope"),
    *(
        case("OpenIdMixin", "get_authenticated_user", hooks=ENDPOINT, request=request,
             answers=(answer,))
        for answer in ("ns:x\nis_valid:true\n", "is_valid:false", "xis_valid:true", "")
        for request in (
            {},
            attributes(a=("contact/email", "ann@b.c")),
            attributes(n=("namePerson", "Ann Bee"), l=("pref/language", "en-US")),
            attributes(f=("namePerson/first", "Ann"), u=("namePerson/friendly", "a")),
            attributes(f=("namePerson/first", "Ann"), l=("namePerson/last", "Bee")),
        )
    ),
]


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    assert PYTHON is not None
    oracle = Oracle(PYTHON)
    yield oracle
    oracle.close()


@pytest.mark.parametrize("given", CASES)
def test_the_same(oracle: Oracle, given: tuple[Any, ...]) -> None:
    names: dict[str, Any] = {"package": "whirlwind"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(PROGRAM, names)
        mine = names["run"](*given)
    assert mine == oracle.run(PROGRAM, *given)
