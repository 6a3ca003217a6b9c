"""Who is asking: the current user of a request."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whirlwind.web.application import Application

_UNKNOWN = object()


class UsersMixin:
    """The methods of ``RequestHandler`` about the user; what a user is, applications decide."""

    __slots__ = ()

    application: "Application"
    _current_user: Any

    if TYPE_CHECKING:

        def require_setting(self, name: str, feature: str = ...) -> None: ...

    @property
    def current_user(self) -> Any:
        """The user of this request, falsy if nobody is logged in.

        Asks :meth:`get_current_user` the first time and remembers the answer. That method cannot
        wait for anything; where finding the user takes time, assign ``self.current_user`` in a
        coroutine ``prepare``.
        """
        user = getattr(self, "_current_user", _UNKNOWN)
        if user is _UNKNOWN:
            user = self._current_user = self.get_current_user()
        return user

    @current_user.setter
    def current_user(self, user: Any) -> None:
        self._current_user = user

    def get_current_user(self) -> Any:
        """Hook: find the user, for instance from a signed cookie.

        :returns: anything; falsy for nobody, which is all this method knows.
        """
        return None

    def get_login_url(self) -> str:
        """Hook: where ``@authenticated`` sends people to log in; the setting ``login_url``.

        :returns: a path, or the whole URL of another server.
        """
        self.require_setting("login_url", "@whirlwind.web.authenticated")
        url: str = self.application.settings["login_url"]
        return url
