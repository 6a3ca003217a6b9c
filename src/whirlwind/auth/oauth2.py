"""OAuth 2 (RFC 6749), and the providers that come with the package."""

import hmac
from typing import Any
from urllib.parse import urlencode

from whirlwind._public import claim
from whirlwind.auth.provider import ProviderMixin, provider_answer
from whirlwind.escape import json_decode, utf8
from whirlwind.httputil import url_concat


class OAuth2Mixin(ProviderMixin):
    """Logs users in with a provider that speaks OAuth 2.

    A subclass for a provider defines the attributes ``_OAUTH_AUTHORIZE_URL`` and
    ``_OAUTH_ACCESS_TOKEN_URL``.
    """

    _OAUTH_AUTHORIZE_URL: str
    _OAUTH_ACCESS_TOKEN_URL: str

    def authorize_redirect(
        self,
        redirect_uri: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        extra_params: dict[str, Any] | None = None,
        scope: list[str] | None = None,
        response_type: str = "code",
    ) -> None:
        """Send the user to the provider.

        To be safe from login forgery, put a random ``state`` into ``extra_params``, keep it in a
        signed cookie and compare it when the user comes back (RFC 6749 section 10.12).

        :arg redirect_uri: where to come back to, absolute; as registered with the provider.
        :arg client_id: of this application.
        :arg client_secret: not sent; an argument for the sake of old programs.
        :arg extra_params: further parameters of the provider.
        :arg scope: what is asked for.
        :arg response_type: what the user comes back with.
        """
        handler: Any = self
        arguments: dict[str, Any] = {"response_type": response_type}
        if redirect_uri is not None:
            arguments["redirect_uri"] = redirect_uri
        if client_id is not None:
            arguments["client_id"] = client_id
        arguments.update(extra_params or {})
        if scope:
            arguments["scope"] = " ".join(scope)
        handler.redirect(url_concat(self._OAUTH_AUTHORIZE_URL, arguments))

    def _oauth_request_token_url(
        self,
        redirect_uri: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        code: str | None = None,
        extra_params: dict[str, Any] | None = None,
    ) -> str:
        """The URL for an access token, for providers that take all in the query."""
        arguments = {
            "redirect_uri": redirect_uri,
            "code": code,
            "client_id": client_id,
            "client_secret": client_secret,
        }
        given = {name: value for name, value in arguments.items() if value is not None}
        return url_concat(self._OAUTH_ACCESS_TOKEN_URL, {**given, **(extra_params or {})})

    async def oauth2_request(
        self,
        url: str,
        access_token: str | None = None,
        post_args: dict[str, Any] | None = None,
        **args: Any,
    ) -> Any:
        """Call the provider, in the name of a user (Tornado 4.3).

        :arg url: of the request.
        :arg access_token: of the user.
        :arg post_args: for the body; makes it a POST.
        :arg args: for the query.
        :returns: the answer, decoded.
        :raises HTTPClientError: it was an error.
        """
        arguments = dict(args) if access_token is None else {"access_token": access_token, **args}
        if arguments:
            url = url_concat(url, arguments)
        client = self.get_auth_http_client()
        if post_args is None:
            response = await client.fetch(url)
        else:
            response = await client.fetch(url, method="POST", body=urlencode(post_args))
        return json_decode(response.body)


class GoogleOAuth2Mixin(OAuth2Mixin):
    """Logs users in with Google.

    Register the application with Google, and put its client id and secret into the setting
    ``google_oauth``: ``{"key": ..., "secret": ...}``. Then, in a handler::

        async def get(self):
            if self.get_argument("code", None):
                access = await self.get_authenticated_user(self.url, self.get_argument("code"))
                user = await self.oauth2_request(
                    self._OAUTH_USERINFO_URL, access_token=access["access_token"]
                )
                ...
            else:
                self.authorize_redirect(
                    redirect_uri=self.url,
                    client_id=self.get_google_oauth_settings()["key"],
                    scope=["profile", "email"],
                )
    """

    _OAUTH_AUTHORIZE_URL = "https://accounts.google.com/o/oauth2/v2/auth"
    _OAUTH_ACCESS_TOKEN_URL = "https://www.googleapis.com/oauth2/v4/token"
    _OAUTH_USERINFO_URL = "https://www.googleapis.com/oauth2/v1/userinfo"
    _OAUTH_NO_CALLBACKS = False
    _OAUTH_SETTINGS_KEY = "google_oauth"

    def get_google_oauth_settings(self) -> dict[str, str]:
        """Hook: who this application is to Google (Tornado 6.3).

        :returns: dict with ``key`` and ``secret``: the setting ``google_oauth``.
        """
        handler: Any = self
        handler.require_setting(self._OAUTH_SETTINGS_KEY, "Google OAuth")
        settings: dict[str, str] = handler.settings[self._OAUTH_SETTINGS_KEY]
        return settings

    async def get_authenticated_user(
        self,
        redirect_uri: str,
        code: str,
        client_id: str | None = None,
        client_secret: str | None = None,
    ) -> dict[str, Any]:
        """Get an access token, when Google has sent the user back.

        :arg redirect_uri: as it was for `authorize_redirect`.
        :arg code: what the user came back with.
        :arg client_id, client_secret: instead of those of `get_google_oauth_settings`.
        :returns: Google's answer: ``access_token``, ``id_token`` and more, nothing about the user.
        :raises HTTPClientError: the code is no good.
        """
        if client_id is None or client_secret is None:
            settings = self.get_google_oauth_settings()
            client_id = settings["key"] if client_id is None else client_id
            client_secret = settings["secret"] if client_secret is None else client_secret
        form = {
            "redirect_uri": redirect_uri,
            "code": code,
            "client_id": client_id,
            "client_secret": client_secret,
            "grant_type": "authorization_code",
        }
        response = await self.get_auth_http_client().fetch(
            self._OAUTH_ACCESS_TOKEN_URL,
            method="POST",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(form),
        )
        access: dict[str, Any] = json_decode(response.body)
        return access


class FacebookGraphMixin(OAuth2Mixin):
    """Logs users in with Facebook, and calls its Graph interface."""

    _OAUTH_AUTHORIZE_URL = "https://www.facebook.com/dialog/oauth?"
    _OAUTH_ACCESS_TOKEN_URL = "https://graph.facebook.com/oauth/access_token?"
    _OAUTH_NO_CALLBACKS = False
    _FACEBOOK_BASE_URL = "https://graph.facebook.com"

    async def get_authenticated_user(
        self,
        redirect_uri: str,
        client_id: str,
        client_secret: str,
        code: str,
        extra_fields: dict[str, Any] | None = None,
    ) -> dict[str, Any] | None:
        """Get an access token and the user, when Facebook has sent the user back.

        :arg redirect_uri: as it was for `authorize_redirect`.
        :arg client_id, client_secret: of this application.
        :arg code: what the user came back with.
        :arg extra_fields: names of fields to ask for besides the usual ones.
        :returns: dict of the fields asked for (None for those unknown), ``access_token``, and
            ``session_expires``: seconds until that ends, a str. None if there is no user.
        :raises AuthError: Facebook has answered without a token.
        :raises HTTPClientError: the code is no good.
        """
        url = self._oauth_request_token_url(
            redirect_uri=redirect_uri, client_id=client_id, client_secret=client_secret, code=code
        )
        response = await self.get_auth_http_client().fetch(url)
        answer = json_decode(response.body)
        access_token = provider_answer(answer, "access_token")
        fields = dict.fromkeys(
            ("id", "name", "first_name", "last_name", "locale", "picture", "link")
        )
        fields.update(dict.fromkeys(extra_fields or ()))
        # Proves that the request comes from the application and not from who stole a token.
        proof = hmac.new(utf8(client_secret), utf8(access_token), "sha256").hexdigest()
        user = await self.facebook_request(
            "/me", access_token=access_token, appsecret_proof=proof, fields=",".join(fields)
        )
        if user is None:
            return None
        return {
            **{field: user.get(field) for field in fields},
            "access_token": access_token,
            "session_expires": str(answer.get("expires_in")),
        }

    async def facebook_request(
        self,
        path: str,
        access_token: str | None = None,
        post_args: dict[str, Any] | None = None,
        **args: Any,
    ) -> Any:
        """Call Facebook's Graph interface, in the name of a user.

        :arg path: such as ``/me/feed``.
        :arg access_token, post_args, args: as for `oauth2_request`.
        :returns: the answer, decoded.
        """
        url = self._FACEBOOK_BASE_URL + path
        return await self.oauth2_request(url, access_token, post_args, **args)


claim("whirlwind.auth", OAuth2Mixin, GoogleOAuth2Mixin, FacebookGraphMixin)
