"""OAuth 1.0 and 1.0a (RFC 5849), for providers that still speak it."""

import base64
import binascii
import hmac
import secrets
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from whirlwind._public import claim
from whirlwind.auth.provider import AuthError, ProviderMixin, parse_tokens
from whirlwind.auth.signatures import sign
from whirlwind.httputil import url_concat

if TYPE_CHECKING:
    from whirlwind.httpclient import AsyncHTTPClient

_COOKIE = "_oauth_request_token"


class OAuthMixin(ProviderMixin):
    """Logs users in with a provider that speaks OAuth 1.0 or 1.0a.

    A subclass for a provider defines the methods ``_oauth_consumer_token`` and
    ``_oauth_get_user_future``, and the attributes

    - ``_OAUTH_REQUEST_TOKEN_URL``, ``_OAUTH_ACCESS_TOKEN_URL`` and ``_OAUTH_AUTHORIZE_URL``;
    - ``_OAUTH_VERSION``: ``"1.0"`` or ``"1.0a"`` (the default);
    - ``_OAUTH_NO_CALLBACKS``: True if the URL to come back to is registered with the provider.
    """

    _OAUTH_REQUEST_TOKEN_URL: str
    _OAUTH_ACCESS_TOKEN_URL: str
    _OAUTH_AUTHORIZE_URL: str

    async def authorize_redirect(
        self,
        callback_uri: str | None = None,
        extra_params: dict[str, Any] | None = None,
        http_client: "AsyncHTTPClient | None" = None,
    ) -> None:
        """Get a request token and send the user to the provider.

        The provider sends the user back with ``oauth_token``; then `get_authenticated_user` does
        the rest. The secret of the request token waits in a cookie for that.

        :arg callback_uri: where to come back to, absolute or relative to this page; ``"oob"`` for
            users who carry a code over themselves: they get the provider's URL as the response.
        :arg extra_params: for the request for a token.
        :arg http_client: instead of that of `get_auth_http_client`.
        """
        if callback_uri and getattr(self, "_OAUTH_NO_CALLBACKS", False):
            raise ValueError("This service does not support oauth_callback")
        await self._ww_redirect(self._OAUTH_AUTHORIZE_URL, callback_uri, extra_params, http_client)

    async def _ww_redirect(
        self,
        authorize_url: str,
        callback_uri: str | None,
        extra_params: dict[str, Any] | None,
        http_client: "AsyncHTTPClient | None",
        names_callback: bool = True,
    ) -> None:
        """As `authorize_redirect`, to one of the URLs a provider has for it."""
        handler: Any = self
        client = http_client or self.get_auth_http_client()
        response = await client.fetch(
            self._oauth_request_token_url(callback_uri=callback_uri, extra_params=extra_params)
        )
        token = parse_tokens(response.body)
        parts = (base64.b64encode(token[name].encode("utf-8")) for name in ("key", "secret"))
        handler.set_cookie(_COOKIE, b"|".join(parts))
        arguments = {"oauth_token": token["key"]}
        if callback_uri == "oob":
            handler.finish(url_concat(authorize_url, arguments))
            return
        if callback_uri and names_callback:
            arguments["oauth_callback"] = self._ww_absolute(callback_uri)
        handler.redirect(url_concat(authorize_url, arguments))

    async def get_authenticated_user(
        self, http_client: "AsyncHTTPClient | None" = None
    ) -> dict[str, Any]:
        """Get the access token and the user, when the provider has sent the user back.

        :arg http_client: instead of that of `get_auth_http_client`.
        :returns: what ``_oauth_get_user_future`` returns, with ``access_token``: a dict with
            ``key`` and ``secret`` for requests in the user's name.
        :raises AuthError: the request does not belong to the one that was sent to the provider, or
            the provider does not know the user.
        """
        handler: Any = self
        request_key = handler.get_argument("oauth_token")
        verifier = handler.get_argument("oauth_verifier", None)
        cookie = handler.get_cookie(_COOKIE)
        if not cookie:
            raise AuthError("Missing OAuth request token cookie")
        handler.clear_cookie(_COOKIE)
        key, secret = _from_cookie(cookie)
        if not hmac.compare_digest(key.encode("utf-8"), request_key.encode("utf-8")):
            raise AuthError("Request token does not match cookie")
        token = {"key": key, "secret": secret}
        if verifier:
            token["verifier"] = verifier
        client = http_client or self.get_auth_http_client()
        response = await client.fetch(self._oauth_access_token_url(token))
        access_token = parse_tokens(response.body)
        user = await self._oauth_get_user_future(access_token)
        if not user:
            raise AuthError("Error getting user")
        user["access_token"] = access_token
        return user

    def _oauth_consumer_token(self) -> dict[str, Any]:
        """Hook: who this application is to the provider.

        :returns: dict with ``key`` and ``secret``.
        """
        raise NotImplementedError(f"{type(self).__name__} must define _oauth_consumer_token()")

    async def _oauth_get_user_future(self, access_token: dict[str, Any]) -> dict[str, Any]:
        """Hook: ask the provider who the user is.

        :arg access_token: dict with ``key`` and ``secret``, and what else came with it.
        :returns: a dict about the user; an empty one if there is none.
        """
        raise NotImplementedError(f"{type(self).__name__} must define _oauth_get_user_future()")

    def _ww_absolute(self, url: str) -> str:
        handler: Any = self
        here: str = handler.request.full_url()
        return urljoin(here, url)

    def _oauth_request_token_url(
        self, callback_uri: str | None = None, extra_params: dict[str, Any] | None = None
    ) -> str:
        url = self._OAUTH_REQUEST_TOKEN_URL
        parameters = self._ww_parameters(None)
        if self._ww_is_1_0a():
            if callback_uri:
                is_url = callback_uri != "oob"
                parameters["oauth_callback"] = (
                    self._ww_absolute(callback_uri) if is_url else callback_uri
                )
            parameters.update(extra_params or {})
        parameters["oauth_signature"] = self._ww_signature("GET", url, parameters, "")
        return url_concat(url, parameters)

    def _oauth_access_token_url(self, request_token: Mapping[str, Any]) -> str:
        url = self._OAUTH_ACCESS_TOKEN_URL
        parameters = self._ww_parameters(request_token["key"])
        if "verifier" in request_token:
            parameters["oauth_verifier"] = request_token["verifier"]
        secret = request_token["secret"]
        parameters["oauth_signature"] = self._ww_signature("GET", url, parameters, secret)
        return url_concat(url, parameters)

    def _oauth_request_parameters(
        self,
        url: str,
        access_token: Mapping[str, Any],
        parameters: Mapping[str, Any] = {},
        method: str = "GET",
    ) -> dict[str, Any]:
        """The OAuth parameters of a request in the user's name.

        :arg url: of the request.
        :arg access_token: as `get_authenticated_user` returns it.
        :arg parameters: all of the query and the body.
        :arg method: of the request.
        :returns: dict, to be sent with ``parameters``.
        """
        own = self._ww_parameters(access_token["key"])
        secret = access_token["secret"]
        own["oauth_signature"] = self._ww_signature(method, url, {**own, **parameters}, secret)
        return own

    def _ww_is_1_0a(self) -> bool:
        return getattr(self, "_OAUTH_VERSION", "1.0a") == "1.0a"

    def _ww_parameters(self, token_key: str | None) -> dict[str, Any]:
        """What every request says of itself, without the signature."""
        parameters = {"oauth_consumer_key": self._oauth_consumer_token()["key"]}
        if token_key is not None:
            parameters["oauth_token"] = token_key
        return {
            **parameters,
            "oauth_signature_method": "HMAC-SHA1",
            "oauth_timestamp": str(int(time.time())),
            "oauth_nonce": secrets.token_hex(16),
            "oauth_version": "1.0",
        }

    def _ww_signature(
        self, method: str, url: str, parameters: Mapping[str, Any], token_secret: str
    ) -> str:
        return sign(
            self._oauth_consumer_token()["secret"],
            method,
            url,
            parameters,
            token_secret,
            escape_secrets=self._ww_is_1_0a(),
        )


def _from_cookie(cookie: str) -> tuple[str, str]:
    """The request token that was sent to the provider, and its secret."""
    try:
        key, secret = (base64.b64decode(part).decode("utf-8") for part in cookie.split("|"))
    except (ValueError, binascii.Error):
        raise AuthError("Malformed OAuth request token cookie") from None
    return key, secret


claim("whirlwind.auth", OAuthMixin)
