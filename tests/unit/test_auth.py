"""Logging in with providers: local ones, over real connections."""

import base64
import hmac
import json
import re
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest

from whirlwind import auth, web
from whirlwind.auth.signatures import sign
from whirlwind.httpclient import AsyncHTTPClient, HTTPClientError, HTTPResponse
from whirlwind.testing import AsyncHTTPTestCase

SECRET = "consumer secret &"


def test_the_signature_of_the_rfc() -> None:
    """The example of RFC 5849 section 1.2."""
    parameters = {
        "oauth_consumer_key": "dpf43f3p2l4k3l03",
        "oauth_token": "nnch734d00sl2jdk",
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": "137131202",
        "oauth_nonce": "chapoH",
    }
    for url, more in (
        ("http://photos.example.net/photos?file=vacation.jpg&size=original", {}),
        ("HTTP://Photos.Example.NET/photos", {"size": "original", "file": "vacation.jpg"}),
    ):
        signature = sign("kd94hf93k423kf44", "get", url, {**parameters, **more}, "pfkkdhi9sl3r4s00")
        assert signature == "MdpQcU8iPSUjWoN/UDMsK2sui9I="


@pytest.mark.parametrize(
    ("parameters", "normalized"),
    [
        ({"b": "2", "a": "1"}, "a%3D1%26b%3D2"),
        ({"a b": "=&~"}, "a%2520b%3D%253D%2526~"),
        ({"é": 5}, "%25C3%25A9%3D5"),
        # Sorted as they are encoded, section 3.4.1.3.2: "%" comes before "0".
        ({"a0": "1", "a=": "2"}, "a%253D%3D2%26a0%3D1"),
    ],
)
def test_what_is_signed(parameters: dict[str, Any], normalized: str) -> None:
    base = f"POST&http%3A%2F%2Fx%3A81%2Fp&{normalized}"
    for escape_secrets, key in ((True, "c%26&t%2F"), (False, "c&&t/")):
        expected = base64.b64encode(hmac.digest(key.encode(), base.encode(), "sha1")).decode()
        signature = sign(
            "c&", "post", "http://x:81/p", parameters, "t/", escape_secrets=escape_secrets
        )
        assert signature == expected


# --- OAuth 1 -------------------------------------------------------------------------------------


class Provider(web.RequestHandler):
    """An OAuth 1 provider: checks signatures, hands out tokens, knows one user."""

    TOKENS = {"": "", "request": "request secret", "access/": "access secret é"}

    def verified(self) -> dict[str, str]:
        pairs = parse_qsl(self.request.query) + parse_qsl(self.request.body.decode())
        fields = dict(pairs)
        signature = fields.pop("oauth_signature")
        assert fields["oauth_version"] == "1.0"
        assert re.fullmatch(r"[0-9a-f]{16,}", fields["oauth_nonce"])
        assert re.fullmatch(r"1[0-9]{9}", fields["oauth_timestamp"])
        url = f"{self.request.protocol}://{self.request.host}{self.request.path}"
        expected = sign(
            SECRET,
            self.request.method or "",
            url,
            fields,
            self.TOKENS[fields.get("oauth_token", "")],
            escape_secrets=self.settings["version"] == "1.0a",
        )
        if signature != expected:
            raise web.HTTPError(401)
        self.settings["seen"].append(fields)
        return fields

    def get(self, what: str) -> None:
        broken = self.settings.get("broken")
        if what == broken:
            self.write("oauth_problem=no")
            return
        fields = self.verified()
        if what == "request":
            answer = {"oauth_token": "request", "oauth_token_secret": self.TOKENS["request"]}
            self.write(urlencode({**answer, "key": "other"}))
        elif what == "access":
            assert fields["oauth_token"] == "request"
            secret = self.TOKENS["access/"]
            self.write(urlencode({"oauth_token": "access/", "oauth_token_secret": secret, "id": 7}))
        elif what.endswith("account/verify_credentials.json"):
            self.write(json.dumps(self.settings.get("user", {"screen_name": "ann"})))
        elif what.endswith("fail.json"):
            raise web.HTTPError(503)
        else:
            self.write({"path": what, "q": fields.get("q")})

    def post(self, what: str) -> None:
        self.write({"path": what, "text": self.verified()["text"]})


class LoginMixin:
    """Adds what makes the local server the provider."""

    settings: dict[str, Any]
    request: Any

    def prepare(self) -> None:
        here = f"http://{self.request.host}/provider"
        self._OAUTH_VERSION = self.settings["version"]
        self._OAUTH_REQUEST_TOKEN_URL = f"{here}/request"
        self._OAUTH_ACCESS_TOKEN_URL = f"{here}/access"
        self._OAUTH_AUTHORIZE_URL = f"{here}/authorize?lang=en"
        self._OAUTH_AUTHENTICATE_URL = f"{here}/authenticate"
        self._TWITTER_BASE_URL = f"{here}/1.1"
        self._OAUTH_NO_CALLBACKS = self.settings.get("no_callbacks", False)


class Login(LoginMixin, web.RequestHandler, auth.OAuthMixin):
    def _oauth_consumer_token(self) -> dict[str, Any]:
        return {"key": "consumer", "secret": SECRET}

    async def _oauth_get_user_future(self, access_token: dict[str, Any]) -> dict[str, Any]:
        known: dict[str, Any] = self.settings.get("user", {"name": "Ann"})
        return {**known, "saw": dict(access_token)} if known else {}

    async def get(self) -> None:
        try:
            if self.get_argument("oauth_token", None):
                self.write(await self.get_authenticated_user())
            else:
                extra = {"lang": "de fr"} if self.get_argument("extra", None) else None
                await self.authorize_redirect(self.get_argument("to", None), extra)
        except (auth.AuthError, ValueError) as error:
            self.set_status(403)
            self.write(f"{type(error).__name__}: {error}")


class TwitterLogin(LoginMixin, web.RequestHandler, auth.TwitterMixin):
    async def get(self) -> None:
        if self.get_argument("oauth_token", None):
            self.write(await self.get_authenticated_user())
        elif self.get_argument("again", None):
            await self.authenticate_redirect(self.get_argument("to", None))
        else:
            await self.authorize_redirect()


class TwitterCall(LoginMixin, web.RequestHandler, auth.TwitterMixin):
    async def get(self, path: str) -> None:
        token = {"key": "access/", "secret": Provider.TOKENS["access/"]}
        try:
            if self.get_argument("text", None):
                form = {"text": self.get_argument("text")}
                self.write(await self.twitter_request(path, token, form, q="both"))
            elif path.startswith("/nobody"):
                self.write(await self.twitter_request("/fail", None))
            else:
                self.write(await self.twitter_request(path, token, q=self.get_argument("q")))
        except HTTPClientError as error:
            self.write(f"error {error.code}")


class WebCase(AsyncHTTPTestCase):
    def go(self, path: str, **options: Any) -> HTTPResponse:
        return self.fetch(path, follow_redirects=False, **options)

    def query_of(self, response: HTTPResponse) -> dict[str, str]:
        assert response.code == 302
        return dict(parse_qsl(urlsplit(response.headers["Location"]).query))


class TestOAuth1(WebCase):
    VERSION = "1.0a"

    def get_app(self) -> web.Application:
        self.seen: list[dict[str, str]] = []
        self.app = web.Application(
            [
                ("/login", Login),
                ("/twitter", TwitterLogin),
                ("/call(/.*)", TwitterCall),
                ("/provider/(.*)", Provider),
            ],
            version=self.VERSION,
            seen=self.seen,
            twitter_consumer_key="consumer",
            twitter_consumer_secret=SECRET,
        )
        return self.app

    def cookie_of(self, response: HTTPResponse) -> dict[str, str]:
        pair = response.headers["Set-Cookie"].split(";")[0]
        key, secret = pair.partition("=")[2].strip('"').split("|")
        assert base64.b64decode(key) == b"request"
        assert base64.b64decode(secret) == b"request secret"
        return {"Cookie": pair}

    def test_there_and_back(self) -> None:
        response = self.go("/login")
        assert self.query_of(response) == {"lang": "en", "oauth_token": "request"}
        assert "oauth_callback" not in self.seen[-1]
        back = self.go(
            "/login?oauth_token=request&oauth_verifier=v", headers=self.cookie_of(response)
        )
        token = {"key": "access/", "secret": Provider.TOKENS["access/"], "id": "7"}
        assert json.loads(back.body) == {"name": "Ann", "saw": token, "access_token": token}
        assert self.seen[-1]["oauth_verifier"] == "v"
        # The cookie is used once.
        assert "expires=" in back.headers["Set-Cookie"]

    def test_callbacks(self) -> None:
        for to, absolute in (
            ("/back?x=1", f"{self.get_url('/back?x=1')}"),
            ("http://else/where", "http://else/where"),
        ):
            query = self.query_of(self.go(f"/login?{urlencode({'to': to})}"))
            assert query["oauth_callback"] == absolute
            assert self.seen[-1].get("oauth_callback") == (
                absolute if self.VERSION == "1.0a" else None
            )
        response = self.go("/login?to=oob")
        assert response.code == 200
        assert response.body.decode().endswith("/provider/authorize?lang=en&oauth_token=request")

    def test_extra_parameters(self) -> None:
        self.query_of(self.go("/login?extra=1"))
        assert self.seen[-1].get("lang") == ("de fr" if self.VERSION == "1.0a" else None)

    def test_a_service_without_callbacks(self) -> None:
        self.app.settings["no_callbacks"] = True
        assert self.go("/login?to=/x").body == (
            b"ValueError: This service does not support oauth_callback"
        )
        assert self.query_of(self.go("/login"))["oauth_token"] == "request"

    def test_coming_back_with_something_else(self) -> None:
        for cookie, message in (
            (None, "Missing OAuth request token cookie"),
            ("b3RoZXI=|c2VjcmV0", "Request token does not match cookie"),
            ("cmVxdWVzdA==", "Malformed OAuth request token cookie"),
            ("a|b", "Malformed OAuth request token cookie"),
            ("/w==|/w==", "Malformed OAuth request token cookie"),
        ):
            headers = {"Cookie": f"_oauth_request_token={cookie}"} if cookie else {}
            response = self.go("/login?oauth_token=request", headers=headers)
            assert response.body.decode() == f"AuthError: {message}"
        assert self.seen == []

    def test_a_provider_that_fails(self) -> None:
        cookie = self.cookie_of(self.go("/login"))
        for broken in ("request", "access"):
            self.app.settings["broken"] = broken
            response = self.go(
                "/login?oauth_token=request" if broken == "access" else "/login", headers=cookie
            )
            assert response.body.startswith(b"AuthError: The provider has answered without a token")

    def test_nobody(self) -> None:
        cookie = self.cookie_of(self.go("/login"))
        self.app.settings["user"] = {}
        response = self.go("/login?oauth_token=request", headers=cookie)
        assert response.body == b"AuthError: Error getting user"


class TestOAuth1BeforeRevisionA(TestOAuth1):
    VERSION = "1.0"


class TestTwitter(TestOAuth1):
    def test_there_and_back(self) -> None:
        for path, where in (("", "authorize"), ("?again=1", "authenticate")):
            response = self.go(f"/twitter{path}")
            assert urlsplit(response.headers["Location"]).path == f"/provider/{where}"
            assert self.query_of(response)["oauth_token"] == "request"
        back = self.go("/twitter?oauth_token=request", headers=self.cookie_of(response))
        user = json.loads(back.body)
        assert user["access_token"]["key"] == "access/"
        assert (user["screen_name"], user["username"]) == ("ann", "ann")
        query = self.query_of(self.go("/twitter?again=1&to=/back"))
        assert query == {"oauth_token": "request"}
        assert self.seen[-1]["oauth_callback"] == self.get_url("/back")

    def test_requests(self) -> None:
        assert json.loads(self.go("/call/users/show?q=a+%26b").body) == {
            "path": "1.1/users/show.json",
            "q": "a &b",
        }
        assert json.loads(self.go("/call/statuses/update?text=hi+there").body) == {
            "path": "1.1/statuses/update.json",
            "text": "hi there",
        }
        assert self.seen[-1]["q"] == "both"
        assert self.go("/call/fail?q=1").body == b"error 503"

    def test_settings(self) -> None:
        del self.app.settings["twitter_consumer_secret"]
        assert self.go("/twitter").code == 500


# --- OAuth 2 -------------------------------------------------------------------------------------


class OAuth2Provider(web.RequestHandler):
    """Says what it was asked."""

    async def get(self, what: str) -> None:
        self.settings["seen"].append((what, dict(parse_qsl(self.request.query)), None))
        if what == "oauth/access_token":
            self.write(self.settings.get("token", {"access_token": "tok", "expires_in": 3600}))
        elif what == "me" and "user" in self.settings:
            self.write(json.dumps(self.settings["user"]))
        elif what == "fail":
            raise web.HTTPError(400)
        elif what == "junk":
            self.write("no JSON")
        else:
            self.write({"asked": self.request.query})

    async def post(self, what: str) -> None:
        body = self.request.body.decode()
        self.settings["seen"].append((what, dict(parse_qsl(self.request.query)), body))
        if what == "token" and "code=bad" in body:
            raise web.HTTPError(400)
        self.write({"access_token": "tok", "form": self.request.headers["Content-Type"]})


class Redirects(web.RequestHandler, auth.OAuth2Mixin):
    _OAUTH_AUTHORIZE_URL = "https://provider/a?fixed=1"

    def get(self, how: str) -> None:
        if how == "plain":
            self.authorize_redirect()
        else:
            self.authorize_redirect(
                redirect_uri="https://me/back?a=b",
                client_id="me",
                client_secret="never sent",
                extra_params={"state": "xyz"},
                scope=["email", "profile"],
                response_type="token",
            )


class Calls(web.RequestHandler, auth.OAuth2Mixin):
    async def get(self, what: str) -> None:
        url = f"http://{self.request.host}/provider/{what}"
        arguments = {k: v[0].decode() for k, v in self.request.arguments.items()}
        token = arguments.pop("token", None)
        form = json.loads(arguments.pop("form", "null"))
        try:
            self.write(await self.oauth2_request(url, token, form, **arguments))
        except (HTTPClientError, ValueError) as error:
            self.write(type(error).__name__)


class Google(web.RequestHandler, auth.GoogleOAuth2Mixin):
    async def get(self) -> None:
        self._OAUTH_ACCESS_TOKEN_URL = f"http://{self.request.host}/provider/token"
        own = {"client_id": "own id", "client_secret": "own secret"}
        arguments = own if self.get_argument("own", None) else {}
        try:
            self.write(
                await self.get_authenticated_user("back", self.get_argument("code"), **arguments)
            )
        except HTTPClientError as error:
            self.write(f"error {error.code}")


class Facebook(web.RequestHandler, auth.FacebookGraphMixin):
    async def get(self) -> None:
        here = f"http://{self.request.host}/provider"
        self._OAUTH_ACCESS_TOKEN_URL = f"{here}/oauth/access_token?"
        self._FACEBOOK_BASE_URL = here
        try:
            user = await self.get_authenticated_user(
                "back", "id", "secret", "code", extra_fields={"email": ""}
            )
        except auth.AuthError as error:
            self.write(str(error))
        else:
            self.write(json.dumps(user))


class TestOAuth2(WebCase):
    def get_app(self) -> web.Application:
        self.seen: list[tuple[str, dict[str, str], str | None]] = []
        self.app = web.Application(
            [
                ("/redirect/(.*)", Redirects),
                ("/call/(.*)", Calls),
                ("/google", Google),
                ("/facebook", Facebook),
                ("/provider/(.*)", OAuth2Provider),
            ],
            seen=self.seen,
            google_oauth={"key": "google id", "secret": "google secret"},
        )
        return self.app

    def test_redirects(self) -> None:
        assert self.query_of(self.go("/redirect/plain")) == {"fixed": "1", "response_type": "code"}
        response = self.go("/redirect/full")
        assert self.query_of(response) == {
            "fixed": "1",
            "response_type": "token",
            "redirect_uri": "https://me/back?a=b",
            "client_id": "me",
            "state": "xyz",
            "scope": "email profile",
        }
        assert "never" not in response.headers["Location"]

    def test_s06_oauth2_request(self) -> None:
        self.go("/call/me?token=tok&fields=a,b")
        assert self.seen[-1] == ("me", {"access_token": "tok", "fields": "a,b"}, None)
        # Without a token too; Tornado drops the arguments then.
        self.go("/call/me?fields=a,b")
        assert self.seen[-1] == ("me", {"fields": "a,b"}, None)
        answer = self.go("/call/feed?token=tok&form=" + '{"m":"%C3%A9+x"}')
        assert self.seen[-1] == ("feed", {"access_token": "tok"}, "m=%C3%A9+x")
        assert json.loads(answer.body)["form"] == "application/x-www-form-urlencoded"
        self.go("/call/feed?form={}")
        assert self.seen[-1] == ("feed", {}, "")

    def test_s06_failures(self) -> None:
        assert self.go("/call/fail").body == b"HTTPClientError"
        assert self.go("/call/junk").body == b"JSONDecodeError"

    def test_google(self) -> None:
        for query, me in (("", "google"), ("&own=1", "own")):
            answer = json.loads(self.go(f"/google?code=c/1{query}").body)
            assert answer["access_token"] == "tok"
            what, asked, form = self.seen[-1]
            assert (what, asked) == ("token", {})
            assert dict(parse_qsl(form)) == {
                "redirect_uri": "back",
                "code": "c/1",
                "client_id": f"{me} id",
                "client_secret": f"{me} secret",
                "grant_type": "authorization_code",
            }
        assert self.go("/google?code=bad").body == b"error 400"

    def test_google_settings(self) -> None:
        del self.app.settings["google_oauth"]
        assert self.go("/google?code=c").code == 500
        assert self.go("/google?code=c&own=1").code == 200

    def test_facebook(self) -> None:
        self.app.settings["user"] = {"id": "1", "name": "Ann", "email": "a@b", "more": "x"}
        user = json.loads(self.go("/facebook").body)
        unknown = dict.fromkeys(("first_name", "last_name", "locale", "picture", "link"))
        assert user == {
            "id": "1",
            "name": "Ann",
            "email": "a@b",
            **unknown,
            "access_token": "tok",
            "session_expires": "3600",
        }
        (_, asked, _), (_, me, _) = self.seen
        assert asked == {
            "redirect_uri": "back",
            "client_id": "id",
            "client_secret": "secret",
            "code": "code",
        }
        assert set(me.pop("fields").split(",")) == {"id", "name", "email", *unknown}
        proof = hmac.digest(b"secret", b"tok", "sha256").hex()
        assert me == {"access_token": "tok", "appsecret_proof": proof}

    def test_facebook_without_a_user(self) -> None:
        self.app.settings["user"] = None
        assert self.go("/facebook").body == b"null"
        self.app.settings["token"] = {"error": "no"}
        assert self.go("/facebook").body == (
            b"The provider has answered without 'access_token': {'error': 'no'}"
        )


# --- OpenID --------------------------------------------------------------------------------------

AX = "http://openid.net/srv/ax/1.0"
TYPE = "http://axschema.org/"


class OpenIdProvider(web.RequestHandler):
    def post(self) -> None:
        self.settings["seen"].append({k: v[0] for k, v in parse_qs(self.request.body).items()})
        self.write(self.settings.get("answer", "ns:x\nis_valid:true\n"))


class OpenIdLogin(web.RequestHandler, auth.OpenIdMixin):
    async def get(self) -> None:
        self._OPENID_ENDPOINT = f"http://{self.request.host}/provider?a=b"
        if self.get_argument("openid.mode", None):
            try:
                self.write(await self.get_authenticated_user())
            except auth.AuthError as error:
                self.write(str(error))
        else:
            wanted = self.get_argument("ax", "name,email,language,username").split(",")
            self.authenticate_redirect(self.get_argument("to", None), ax_attrs=wanted)


@pytest.mark.filterwarnings("ignore:OpenIdMixin is deprecated:DeprecationWarning")
class TestOpenId(WebCase):
    def get_app(self) -> web.Application:
        self.seen: list[dict[bytes, bytes]] = []
        self.app = web.Application(
            [("/login", OpenIdLogin), ("/provider", OpenIdProvider)], seen=self.seen
        )
        return self.app

    def test_redirects(self) -> None:
        asked = self.query_of(self.go("/login?next=%2Fx"))
        assert asked["a"] == "b"
        assert asked["openid.mode"] == "checkid_setup"
        assert asked["openid.return_to"] == self.get_url("/login?next=%2Fx")
        assert asked["openid.realm"] == self.get_url("/")
        assert asked["openid.ns.ax"] == AX
        assert asked["openid.ax.type.email"] == f"{TYPE}contact/email"
        assert asked["openid.ax.required"] == "firstname,fullname,lastname,email,username,language"
        asked = self.query_of(self.go("/login?to=/back&ax="))
        assert asked["openid.return_to"] == self.get_url("/back")
        assert "openid.ns.ax" not in asked

    def come_back(self, **attributes: tuple[str, str]) -> Any:
        fields = {"openid.mode": "id_res", "openid.ns.e1": AX}
        for alias, (kind, value) in attributes.items():
            if kind == "claimed_id":
                fields["openid.claimed_id"] = value
            else:
                fields[f"openid.e1.type.{alias}"] = TYPE + kind
                fields[f"openid.e1.value.{alias}"] = value
        return self.go(f"/login?{urlencode(fields)}").body

    def test_users(self) -> None:
        body = self.come_back(
            a=("contact/email", "ann@b.c"),
            b=("namePerson/first", "Ann"),
            c=("namePerson/last", "Bee"),
            d=("pref/language", "en-US"),
            e=("namePerson/friendly", "annie"),
            f=("claimed_id", "http://ann"),
        )
        assert json.loads(body) == {
            "first_name": "Ann",
            "last_name": "Bee",
            "name": "Ann Bee",
            "email": "ann@b.c",
            "locale": "en-us",
            "username": "annie",
            "claimed_id": "http://ann",
        }
        assert self.seen[-1][b"openid.mode"] == b"check_authentication"
        assert self.seen[-1][b"openid.e1.value.a"] == b"ann@b.c"
        assert json.loads(self.come_back(n=("namePerson", "Full Name"))) == {"name": "Full Name"}
        assert json.loads(self.come_back(a=("contact/email", "bob@b.c"))) == {
            "name": "bob",
            "email": "bob@b.c",
        }
        assert json.loads(self.come_back()) == {}

    def test_what_is_not_confirmed(self) -> None:
        for answer in ("is_valid:false", "xis_valid:true", "is_valid:true or not", ""):
            self.app.settings["answer"] = answer
            assert self.come_back().startswith(b"Invalid OpenID response: ")
        self.app.settings["answer"] = "is_valid:true"
        assert self.come_back() == b"{}"

    def test_it_is_deprecated(self) -> None:
        with pytest.warns(DeprecationWarning, match="OpenID Connect"):
            auth.OpenIdMixin()


# --- hooks ---------------------------------------------------------------------------------------


async def test_the_client_can_be_chosen() -> None:
    """By argument or by the documented hook; by default it is the one of the loop."""
    mixin = auth.OAuth2Mixin()
    own = mixin.get_auth_http_client()
    assert own is AsyncHTTPClient()
    own.close()

    class Answer:
        body = b'{"a": 1}'

    class Chosen(auth.OAuth2Mixin):
        def get_auth_http_client(self) -> Any:
            return self

        async def fetch(self, url: str, **options: Any) -> Answer:
            assert (url, options) == ("http://x/y?access_token=t", {})
            return Answer()

    assert await Chosen().oauth2_request("http://x/y", access_token="t") == {"a": 1}


async def test_hooks_that_have_to_be_defined() -> None:
    with pytest.raises(NotImplementedError, match="OAuthMixin must define _oauth_consumer_token"):
        auth.OAuthMixin()._oauth_consumer_token()
    with pytest.raises(NotImplementedError, match="must define _oauth_get_user_future"):
        await auth.OAuthMixin()._oauth_get_user_future({})


def test_public_names_say_where_they_live() -> None:
    for name in auth.__all__:
        assert getattr(auth, name).__module__ == "whirlwind.auth"
