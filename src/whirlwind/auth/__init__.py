"""Logging users in with other services: OAuth 2, and for services that still have it OAuth 1.0a.

The classes are mixins for handlers. A login handler sends the user to the service with
``authorize_redirect`` and finds out who it was with ``get_authenticated_user``. Others make
requests in the user's name with the token that it got, for instance by ``oauth2_request``.
"""

from whirlwind.auth.oauth1 import OAuthMixin
from whirlwind.auth.oauth2 import FacebookGraphMixin, GoogleOAuth2Mixin, OAuth2Mixin
from whirlwind.auth.openid import OpenIdMixin
from whirlwind.auth.provider import AuthError
from whirlwind.auth.twitter import TwitterMixin

__all__ = [
    "AuthError",
    "FacebookGraphMixin",
    "GoogleOAuth2Mixin",
    "OAuth2Mixin",
    "OAuthMixin",
    "OpenIdMixin",
    "TwitterMixin",
]
