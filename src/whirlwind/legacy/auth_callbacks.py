"""``callback=`` of the mixins for logging in."""

import functools
from collections.abc import Callable
from typing import Any, Final

from whirlwind.auth import (
    AuthError,
    FacebookGraphMixin,
    GoogleOAuth2Mixin,
    OAuth2Mixin,
    OAuthMixin,
    OpenIdMixin,
    TwitterMixin,
)
from whirlwind.concurrent import Future, future_set_result_unless_cancelled
from whirlwind.httpclient import HTTPClientError
from whirlwind.legacy.calls import accept_callback, take_callback, when_done
from whirlwind.legacy.installing import override
from whirlwind.legacy.warning import warn
from whirlwind.log import gen_log

_KIND: Final = "callback= of tornado.auth"
_ADVICE: Final = "await the method"

#: Where ``callback`` stood, and how many positional arguments there are without it. The first of
#: each tuple ask the provider, the others send the user there.
_ASKING: Final = (
    (OpenIdMixin, "get_authenticated_user", 0, 1),
    (OAuthMixin, "get_authenticated_user", 0, 1),
    (OAuth2Mixin, "oauth2_request", 1, 3),
    (TwitterMixin, "twitter_request", 1, 3),
    (GoogleOAuth2Mixin, "get_authenticated_user", 2, 4),
    (FacebookGraphMixin, "get_authenticated_user", 4, 5),
    (FacebookGraphMixin, "facebook_request", 1, 3),
)
_SENDING: Final = (
    (OpenIdMixin, "authenticate_redirect", 2, 2),
    (OAuthMixin, "authorize_redirect", 3, 3),
    (TwitterMixin, "authenticate_redirect", 1, 1),
)


def install() -> None:
    """Let the mixins take callbacks."""
    override(TwitterMixin, "twitter_request", _twitter_request)
    for owner, name, position, most in _ASKING:
        accept_callback(owner, name, position, most, _answer, _KIND, _ADVICE)
    for owner, name, position, most in _SENDING:
        accept_callback(owner, name, position, most, _sent, _KIND, _ADVICE)
    override(OAuth2Mixin, "authorize_redirect", _oauth2_redirect)
    override(OAuthMixin, "_oauth_get_user_future", _get_user)


def _answer(handler: Any, result: Any, callback: Callable[..., Any]) -> Future[Any]:
    """Give the callback what the provider says, or None if that is an error, which is logged."""

    def done(future: Future[Any]) -> Any:
        try:
            answer = future.result()
        except (AuthError, HTTPClientError, OSError) as error:
            gen_log.warning("%s", error)
            answer = None
        return callback(answer)

    return when_done(result, done)


def _sent(handler: Any, result: Any, callback: Callable[..., Any]) -> Any:
    def done(future: Future[Any]) -> Any:
        future.result()
        return callback()

    if result is None:  # sent already
        result = Future()
        result.set_result(None)
    return when_done(result, done)


def _oauth2_redirect(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def authorize_redirect(self: Any, *args: Any, **kwargs: Any) -> Any:
        # The fifth argument, where today's form has the scope, which is never text.
        most = 4 if len(args) == 6 and not isinstance(args[5], str) else 6
        is_old, callback, args = take_callback(args, kwargs, 4, most)
        if is_old:
            warn(_KIND, _ADVICE)
        if callback is None:
            return original(self, *args, **kwargs)
        return _sent(self, original(self, *args, **kwargs), callback)

    return authorize_redirect


def _twitter_request(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def twitter_request(self: Any, path: str, *args: Any, **kwargs: Any) -> Any:
        if not args:
            kwargs.setdefault("access_token", None)
        return original(self, path, *args, **kwargs)

    return twitter_request


def _get_user(original: Callable[..., Any]) -> Callable[..., Any]:
    """``_oauth_get_user(access_token, callback)``, which `_oauth_get_user_future` came for."""

    @functools.wraps(original)
    async def _oauth_get_user_future(self: Any, access_token: dict[str, Any]) -> Any:
        hook = getattr(self, "_oauth_get_user", None)
        if hook is None:
            return await original(self, access_token)
        warn("OAuthMixin._oauth_get_user", "define the coroutine _oauth_get_user_future")
        user: Future[Any] = Future()
        hook(access_token, functools.partial(future_set_result_unless_cancelled, user))
        return await user

    return _oauth_get_user_future
