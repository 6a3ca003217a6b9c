"""``callback=`` of the mixins for logging in."""

import logging
from typing import Any
from unittest import mock

import pytest

from whirlwind import auth
from whirlwind.testing import AsyncHTTPTestCase
from whirlwind.web import Application, RequestHandler


class Callbacks:
    """A handler that keeps what its callbacks got, and answers with it."""

    def begin(self) -> None:
        handler: Any = self
        handler._auto_finish = False

    def on_result(self, *args: Any) -> None:
        handler: Any = self
        handler.finish({"got": list(args)})

    def on_sent(self, *args: Any) -> None:
        handler: Any = self
        handler.application.sent.append((handler.request.path, args))


class Provider(RequestHandler):
    def get(self, what: str) -> None:
        if what == "request_token":
            self.write("oauth_token=requested&oauth_token_secret=secret")
        elif what == "access_token":
            self.write("oauth_token=granted&oauth_token_secret=secret")
        elif what == "broken":
            self.send_error(500)
        else:
            self.write({"arguments": sorted(self.request.arguments)})

    def post(self, what: str) -> None:
        self.write({"posted": self.request.body.decode()})


class OAuthHandler(Callbacks, RequestHandler, auth.OAuthMixin):
    def initialize(self, url: str) -> None:
        self._OAUTH_REQUEST_TOKEN_URL = f"{url}/provider/request_token"
        self._OAUTH_ACCESS_TOKEN_URL = f"{url}/provider/access_token"
        self._OAUTH_AUTHORIZE_URL = f"{url}/provider/authorize"

    def _oauth_consumer_token(self) -> dict[str, Any]:
        return {"key": "key", "secret": "secret"}

    def get(self) -> None:
        self.begin()
        this: Any = self
        if self.get_argument("oauth_token", None):
            this.get_authenticated_user(self.on_result)
        elif self.get_argument("last", None):
            this.authorize_redirect(None, None, None, self.on_sent)
        else:
            this.authorize_redirect(callback=self.on_sent)


class NewOAuthHandler(OAuthHandler):
    async def _oauth_get_user_future(self, access_token: dict[str, Any]) -> dict[str, Any]:
        return {"name": "new"}


class OldOAuthHandler(OAuthHandler):
    def _oauth_get_user(self, access_token: dict[str, Any], callback: Any) -> None:
        callback({"name": "old"})


class OAuth2Handler(Callbacks, RequestHandler, auth.OAuth2Mixin):
    _OAUTH_AUTHORIZE_URL = "http://localhost/authorize"

    def initialize(self, url: str) -> None:
        self.url = f"{url}/provider/"

    def get(self, what: str) -> Any:
        self.begin()
        this: Any = self
        if what == "named":
            this.authorize_redirect("http://here/", callback=self.on_sent, scope=["a", "b"])
        elif what == "placed":
            this.authorize_redirect("http://here/", "me", "s", None, self.on_sent, ["a", "b"])
        elif what == "none":
            this.authorize_redirect("http://here/", "me", "s", None, None, ["a", "b"], "token")
        elif what == "scope":
            this.authorize_redirect("http://here/", "me", "s", None, ["a", "b"], "token")
        elif what == "broken":
            this.oauth2_request(self.url + "broken", self.on_result, access_token="t")
        elif what == "request":
            this.oauth2_request(self.url + "json", self.on_result, "t", None, more="x")
        elif what == "post":
            this.oauth2_request(self.url + "json", callback=self.on_result, post_args={"a": "b"})
        else:
            self._auto_finish = True
            return self.today()
        return None

    async def today(self) -> None:
        self.write(await self.oauth2_request(self.url + "json", "t", None, more="x"))


class TwitterHandler(Callbacks, RequestHandler, auth.TwitterMixin):
    def initialize(self, url: str) -> None:
        self._TWITTER_BASE_URL = f"{url}/provider"
        self._OAUTH_REQUEST_TOKEN_URL = f"{url}/provider/request_token"
        self._OAUTH_AUTHENTICATE_URL = f"{url}/provider/authenticate"

    def get(self, what: str) -> None:
        self.begin()
        this: Any = self
        if what == "authenticate":
            this.authenticate_redirect(callback=self.on_sent)
        elif what == "nobody":
            this.twitter_request("/json", self.on_result)
        else:
            token = {"key": "k", "secret": "s"}
            this.twitter_request("/json", access_token=token, callback=self.on_result)


async def test_a_mock_of_a_method_is_still_awaited() -> None:
    with mock.patch.object(auth.TwitterMixin, "twitter_request", return_value="mocked"):
        assert await auth.TwitterMixin().twitter_request("/path", None) == "mocked"


class AuthCallbackTest(AsyncHTTPTestCase):
    @pytest.fixture(autouse=True)
    def _log(self, caplog: pytest.LogCaptureFixture) -> None:
        self.caplog = caplog

    def get_app(self) -> Application:
        app: Any = Application(twitter_consumer_key="key", twitter_consumer_secret="secret")
        app.sent = []
        url = {"url": self.get_url("")}
        app.add_handlers(
            ".*",
            [
                (r"/provider/(.*?)(?:\.json)?", Provider),
                ("/new", NewOAuthHandler, url),
                ("/old", OldOAuthHandler, url),
                (r"/oauth2/(\w+)", OAuth2Handler, url),
                (r"/twitter/(\w+)", TwitterHandler, url),
            ],
        )
        return app

    def get(self, path: str, **arguments: Any) -> Any:
        return self.fetch(path, follow_redirects=False, **arguments)

    def sent(self) -> Any:
        app: Any = self._app
        return app.sent

    def warned(self) -> list[str]:
        records = self.caplog.records
        return [r.getMessage() for r in records if r.levelno == logging.WARNING]

    def test_oauth(self) -> None:
        for kind in ("new", "old"):
            response = self.get(f"/{kind}")
            assert response.code == 302
            assert response.headers["Location"].endswith("?oauth_token=requested")
            assert self.get(f"/{kind}?last=1").code == 302
            assert self.sent() == [(f"/{kind}", ())] * 2
            self.sent().clear()
            cookie = response.headers["Set-Cookie"].partition(";")[0]
            response = self.get(f"/{kind}?oauth_token=requested", headers={"Cookie": cookie})
            assert f'"name": "{kind}"'.encode() in response.body
            assert b'"key": "granted"' in response.body

    def test_an_error_is_none_and_a_line_in_the_log(self) -> None:
        assert self.get("/new?oauth_token=requested").body == b'{"got": [null]}'
        assert "Missing OAuth request token cookie" in self.warned()
        assert self.get("/oauth2/broken").body == b'{"got": [null]}'
        assert "HTTP 500: Internal Server Error" in self.warned()

    def test_oauth2_redirect(self) -> None:
        for what in ("named", "placed"):
            response = self.get(f"/oauth2/{what}")
            assert response.code == 302
            assert "scope=a+b" in response.headers["Location"]
        assert self.sent() == [("/oauth2/named", ()), ("/oauth2/placed", ())]
        for what in ("none", "scope"):
            location = self.get(f"/oauth2/{what}").headers["Location"]
            assert "scope=a+b" in location
            assert "response_type=token" in location

    def test_requests(self) -> None:
        both = b'["access_token", "more"]'
        assert self.get("/oauth2/request").body == b'{"got": [{"arguments": %s}]}' % both
        assert self.get("/oauth2/today").body == b'{"arguments": %s}' % both
        assert self.get("/oauth2/post").body == b'{"got": [{"posted": "a=b"}]}'
        assert self.get("/twitter/nobody").body == b'{"got": [{"arguments": []}]}'
        assert b"oauth_signature" in self.get("/twitter/somebody").body
        response = self.get("/twitter/authenticate")
        assert response.headers["Location"].endswith("/authenticate?oauth_token=requested")
        assert self.sent() == [("/twitter/authenticate", ())]
