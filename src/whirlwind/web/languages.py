"""In which language to answer: the locale of a request."""

from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from whirlwind.protocol.limits import MAX_LANGUAGES

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
        codes = accepted_languages(accepted) if accepted else None
        locale: Locale = module.get(*codes) if codes else module.get(default)
        return locale


@cache
def _locales() -> ModuleType:
    """The module `locale`, which many programs never need."""
    from whirlwind import locale

    return locale


def accepted_languages(field_value: str) -> list[str]:
    """The languages of an ``Accept-Language`` (RFC 9110 section 12.5.4), the most wanted first.

    :arg field_value: value of the field.
    :returns: language tags; those with weight 0, or one that is no number, are left out.
    """
    weighted: list[tuple[float, str]] = []
    for element in field_value.split(",", MAX_LANGUAGES)[:MAX_LANGUAGES]:
        tag, *parameters = element.split(";")
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "q":
                weight = _weight(value.strip())
        tag = tag.strip()
        if tag and weight > 0:
            weighted.append((weight, tag))
    weighted.sort(key=lambda pair: -pair[0])
    return [tag for _, tag in weighted]


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if weight >= 0 else 0.0  # also for "nan"
