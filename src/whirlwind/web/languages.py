"""In which language to answer: the locale of a request."""

from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from whirlwind.httputil.preferences import by_preference

if TYPE_CHECKING:
    from whirlwind.httputil import HTTPServerRequest
    from whirlwind.locale import Locale


class LanguagesMixin:
    """The methods of ``RequestHandler`` about locales."""

    __slots__ = ()

    request: "HTTPServerRequest"
    _locale: Any

    @property
    def locale(self) -> "Locale":
        """The locale of this request: `get_user_locale`, else `get_browser_locale`.

        Found when it is first read; may be assigned.
        """
        locale: Locale | None = getattr(self, "_locale", None)
        if locale is None:
            locale = self.get_user_locale() or self.get_browser_locale()
            self._locale = locale
        return locale

    @locale.setter
    def locale(self, value: Any) -> None:
        self._locale = value

    def get_user_locale(self) -> "Locale | None":
        """Hook: the locale that the user has chosen.

        :returns: as `locale.get` gives it; None to ask the browser.
        """
        return None

    def get_browser_locale(self, default: str = "en_US") -> "Locale":
        """The locale that fits the ``Accept-Language`` of the request best.

        :arg default: code of the locale for requests that accept any language.
        """
        module = _locales()
        if len(module._supported_locales) == 1:
            only: Locale = module.Locale.get(module._default_locale)
            return only  # whatever the browser wants
        accepted = self.request.headers.get("Accept-Language")
        codes = by_preference(accepted) if accepted else None
        locale: Locale = module.get(*codes) if codes else module.get(default)
        return locale


@cache
def _locales() -> ModuleType:
    """The module `locale`, which many programs never need."""
    from whirlwind import locale

    return locale
