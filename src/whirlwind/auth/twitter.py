"""Logging in with Twitter."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from whirlwind._public import claim
from whirlwind.auth.oauth1 import OAuthMixin
from whirlwind.escape import json_decode
from whirlwind.httputil import url_concat

if TYPE_CHECKING:
    from whirlwind.httpclient import AsyncHTTPClient  # noqa: F401


class TwitterMixin(OAuthMixin):
    """Logs users in with Twitter's OAuth 1.0a and version 1.1 of its interface.

    Deprecated since Tornado 6.4: Twitter, now X, has changed what it offers.

    Settings: ``twitter_consumer_key`` and ``twitter_consumer_secret``.
    """

    _OAUTH_REQUEST_TOKEN_URL = "https://api.twitter.com/oauth/request_token"
    _OAUTH_ACCESS_TOKEN_URL = "https://api.twitter.com/oauth/access_token"
    _OAUTH_AUTHORIZE_URL = "https://api.twitter.com/oauth/authorize"
    _OAUTH_AUTHENTICATE_URL = "https://api.twitter.com/oauth/authenticate"
    _OAUTH_NO_CALLBACKS = False
    _TWITTER_BASE_URL = "https://api.twitter.com/1.1"

    async def authenticate_redirect(self, callback_uri: str | None = None) -> None:
        """As `authorize_redirect`, but users who have agreed before are not asked again.

        :arg callback_uri: where to come back to, instead of the URL registered with Twitter.
        """
        await self._ww_redirect(
            self._OAUTH_AUTHENTICATE_URL, callback_uri, None, None, names_callback=False
        )

    async def twitter_request(
        self,
        path: str,
        access_token: dict[str, Any] | None,
        post_args: dict[str, Any] | None = None,
        **args: Any,
    ) -> Any:
        """Call Twitter in the name of a user.

        :arg path: such as ``/statuses/update``, without ``.json``; or a whole URL.
        :arg access_token: as `get_authenticated_user` returns it; None for a request of nobody.
        :arg post_args: for the body; makes it a POST.
        :arg args: for the query.
        :returns: the answer, decoded.
        :raises HTTPClientError: it was an error.
        """
        is_url = path.startswith(("http:", "https:"))
        url = path if is_url else f"{self._TWITTER_BASE_URL}{path}.json"
        if access_token:
            method = "GET" if post_args is None else "POST"
            parameters = {**args, **(post_args or {})}
            args.update(self._oauth_request_parameters(url, access_token, parameters, method))
        if args:
            url = url_concat(url, args)
        client = self.get_auth_http_client()
        if post_args is None:
            response = await client.fetch(url)
        else:
            response = await client.fetch(url, method="POST", body=urlencode(post_args))
        return json_decode(response.body)

    def _oauth_consumer_token(self) -> dict[str, Any]:
        handler: Any = self
        handler.require_setting("twitter_consumer_key", "Twitter OAuth")
        handler.require_setting("twitter_consumer_secret", "Twitter OAuth")
        settings = handler.settings
        return {
            "key": settings["twitter_consumer_key"],
            "secret": settings["twitter_consumer_secret"],
        }

    async def _oauth_get_user_future(self, access_token: dict[str, Any]) -> dict[str, Any]:
        user: dict[str, Any] | None = await self.twitter_request(
            "/account/verify_credentials", access_token=access_token
        )
        if not user:
            return {}
        user["username"] = user.get("screen_name")
        return user


claim("whirlwind.auth", TwitterMixin)
