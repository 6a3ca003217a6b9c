"""What all ways to log in have in common: the client that talks to the provider."""

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from whirlwind._public import claim
from whirlwind.escape import native_str

if TYPE_CHECKING:
    from whirlwind.httpclient import AsyncHTTPClient


class AuthError(Exception):
    """The provider, or the user's browser, has answered something that proves no identity."""


class ProviderMixin:
    """Base of the mixins for `RequestHandler`."""

    def get_auth_http_client(self) -> "AsyncHTTPClient":
        """Hook: the client for requests to the provider.

        :returns: by default the one of this loop.
        """
        from whirlwind.httpclient import AsyncHTTPClient

        return AsyncHTTPClient()


def parse_tokens(body: bytes) -> dict[str, str]:
    """Read an answer of an OAuth 1 provider (RFC 5849 section 2.1).

    :arg body: urlencoded.
    :returns: ``key`` and ``secret``, and whatever else the provider tells, by its name.
    :raises AuthError: there is no token in it.
    """
    try:
        fields = {name: values[0] for name, values in parse_qs(native_str(body), True).items()}
        token = {"key": fields.pop("oauth_token"), "secret": fields.pop("oauth_token_secret")}
    except (UnicodeDecodeError, KeyError) as error:
        raise AuthError(f"The provider has answered without a token: {body[:100]!r}") from error
    # A provider cannot replace the token by a field of that name.
    return {**fields, **token}


def provider_answer(value: Any, name: str) -> Any:
    """A field of a JSON answer.

    :raises AuthError: it is not there.
    """
    if not isinstance(value, dict) or name not in value:
        raise AuthError(f"The provider has answered without {name!r}: {str(value)[:100]}")
    return value[name]


claim("whirlwind.auth", AuthError)
