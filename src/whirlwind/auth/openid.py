"""OpenID 2.0, which has gone out of use; OpenID Connect is built on OAuth 2."""

import re
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin

from whirlwind._public import claim
from whirlwind.auth.provider import AuthError, ProviderMixin
from whirlwind.httputil import url_concat

if TYPE_CHECKING:
    from whirlwind.httpclient import AsyncHTTPClient

_VERSION_2 = "http://specs.openid.net/auth/2.0"
_ANY_IDENTIFIER = _VERSION_2 + "/identifier_select"
_ATTRIBUTE_EXCHANGE = "http://openid.net/srv/ax/1.0"
_OAUTH_EXTENSION = "http://specs.openid.net/extensions/oauth/1.0"
_VALID = re.compile(rb"^is_valid:true$", re.MULTILINE)

# Attributes by their name in requests.
_TYPES = {
    "firstname": "http://axschema.org/namePerson/first",
    "fullname": "http://axschema.org/namePerson",
    "lastname": "http://axschema.org/namePerson/last",
    "email": "http://axschema.org/contact/email",
    "language": "http://axschema.org/pref/language",
    "username": "http://axschema.org/namePerson/friendly",
}
# What the callers' names for attributes mean.
_WANTED = (
    ("name", ("firstname", "fullname", "lastname")),
    ("email", ("email",)),
    ("username", ("username",)),
    ("language", ("language",)),
)

_ALL = ["name", "email", "language", "username"]


class OpenIdMixin(ProviderMixin):
    """Logs users in with a provider that speaks OpenID 2.0 and Attribute Exchange.

    Deprecated since Tornado 6.5.8: nearly no provider is left, and attributes need not be signed.

    A subclass for a provider defines the attribute ``_OPENID_ENDPOINT``.
    """

    _OPENID_ENDPOINT: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _warn()
        super().__init__(*args, **kwargs)

    def authenticate_redirect(
        self,
        callback_uri: str | None = None,
        ax_attrs: list[str] = _ALL,
    ) -> None:
        """Send the user to the provider.

        The provider sends the user back with arguments for `get_authenticated_user`.

        :arg callback_uri: where to come back to, absolute or relative to this page; by default
            this page.
        :arg ax_attrs: what is asked for, of the four there are.
        """
        _warn()
        handler: Any = self
        arguments = self._openid_args(callback_uri or handler.request.uri, ax_attrs=ax_attrs)
        handler.redirect(url_concat(self._OPENID_ENDPOINT, arguments))

    async def get_authenticated_user(
        self, http_client: "AsyncHTTPClient | None" = None
    ) -> dict[str, Any]:
        """Have the provider confirm what the user came back with.

        :arg http_client: instead of that of `get_auth_http_client`.
        :returns: dict with ``claimed_id`` and whatever the provider told of ``name``,
            ``first_name``, ``last_name``, ``email``, ``locale`` and ``username``.
        :raises AuthError: the provider does not confirm it.
        """
        _warn()
        handler: Any = self
        arguments = {name: values[-1] for name, values in handler.request.arguments.items()}
        arguments["openid.mode"] = "check_authentication"
        client = http_client or self.get_auth_http_client()
        response = await client.fetch(
            self._OPENID_ENDPOINT, method="POST", body=urlencode(arguments)
        )
        return self._on_authentication_verified(response)

    def _openid_args(
        self,
        callback_uri: str,
        ax_attrs: Iterable[str] = (),
        oauth_scope: str | None = None,
    ) -> dict[str, str]:
        """The arguments of `authenticate_redirect`'s request, for providers with some of their own.

        :arg callback_uri, ax_attrs: as there.
        :arg oauth_scope: what to ask for in the OAuth extension.
        """
        handler: Any = self
        url = urljoin(handler.request.full_url(), callback_uri)
        arguments = {
            "openid.ns": _VERSION_2,
            "openid.claimed_id": _ANY_IDENTIFIER,
            "openid.identity": _ANY_IDENTIFIER,
            "openid.return_to": url,
            "openid.realm": urljoin(url, "/"),
            "openid.mode": "checkid_setup",
        }
        asked = set(ax_attrs)
        wanted = [name for attribute, names in _WANTED if attribute in asked for name in names]
        if wanted:
            arguments["openid.ns.ax"] = _ATTRIBUTE_EXCHANGE
            arguments["openid.ax.mode"] = "fetch_request"
            arguments.update({f"openid.ax.type.{name}": _TYPES[name] for name in wanted})
            arguments["openid.ax.required"] = ",".join(wanted)
        if oauth_scope:
            arguments["openid.ns.oauth"] = _OAUTH_EXTENSION
            arguments["openid.oauth.consumer"] = handler.request.host.split(":")[0]
            arguments["openid.oauth.scope"] = oauth_scope
        return arguments

    def _on_authentication_verified(self, response: Any) -> dict[str, Any]:
        """Read the user from the request, once the provider has answered that it is its own."""
        if _VALID.search(response.body) is None:
            raise AuthError(f"Invalid OpenID response: {response.body[:200]!r}")
        handler: Any = self
        values = self._ww_attributes()
        user: dict[str, Any] = {}
        first, last = values["firstname"], values["lastname"]
        if first:
            user["first_name"] = first
        if last:
            user["last_name"] = last
        email = values["email"]
        name = values["fullname"] or " ".join(filter(None, (first, last))) or email.split("@")[0]
        if name:
            user["name"] = name
        if email:
            user["email"] = email
        if values["language"]:
            user["locale"] = values["language"].lower()
        if values["username"]:
            user["username"] = values["username"]
        claimed_id = handler.get_argument("openid.claimed_id", None)
        if claimed_id:
            user["claimed_id"] = claimed_id
        return user

    def _ww_attributes(self) -> dict[str, str]:
        """The values of all attributes, empty where the provider did not tell."""
        handler: Any = self
        given = handler.request.arguments
        prefix = next(
            (
                f"openid.{name[len('openid.ns.') :]}."
                for name in given
                if name.startswith("openid.ns.")
                and handler.get_argument(name) == _ATTRIBUTE_EXCHANGE
            ),
            None,
        )
        found = dict.fromkeys(_TYPES, "")
        if prefix is None:
            return found
        types = f"{prefix}type."
        aliases = {
            handler.get_argument(name): name[len(types) :]
            for name in reversed(list(given))  # the first of several counts
            if name.startswith(types)
        }
        for attribute, uri in _TYPES.items():
            if uri in aliases:
                found[attribute] = handler.get_argument(f"{prefix}value.{aliases[uri]}", "")
        return found


def _warn() -> None:
    warnings.warn(
        "OpenIdMixin is deprecated: use a provider of OpenID Connect, with OAuth2Mixin",
        DeprecationWarning,
        stacklevel=3,
    )


claim("whirlwind.auth", OpenIdMixin)
