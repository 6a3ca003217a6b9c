"""Translations, and dates, lists and numbers as people of a language write them.

Load the translations once, from CSV files or gettext catalogues, then ask for a `Locale`::

    locale.load_translations("translations")
    french = locale.get("fr_FR")
    french.translate("Sign out")

In a handler ``self.locale`` is that of the user, and in templates ``_`` is its ``translate``.
"""

import codecs
import csv
import datetime
import gettext
import io
import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Final

from whirlwind._locale_names import LOCALE_NAMES
from whirlwind.log import gen_log

__all__ = [
    "CONTEXT_SEPARATOR",
    "LOCALE_NAMES",
    "CSVLocale",
    "GettextLocale",
    "Locale",
    "get",
    "get_supported_locales",
    "load_gettext_translations",
    "load_translations",
    "set_default_locale",
]

#: Stands between context and message in gettext catalogues.
CONTEXT_SEPARATOR: Final = "\x04"

_CODE = re.compile(r"[a-z]+(?:_[A-Z]+)?")
_SUFFIX: Final = ".csv"

#: Byte order marks, those that begin like another one first.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

#: Which forms a row of a CSV file is for.
_FORMS: Final = ("plural", "singular", "unknown")

# What is loaded. Tests replace these to be alone.
_default_locale = "en_US"
_translations: dict[str, Any] = {}
_supported_locales = frozenset([_default_locale])
_use_gettext = False


def get(*locale_codes: str) -> "Locale":
    """The first of some locales for which there are translations.

    :arg locale_codes: such as ``pt_BR`` or ``pt-br``, the most wanted first. Where a country is not
        supported but its language is, that is taken.
    :returns: the locale; that of `set_default_locale` when none fits.
    """
    return Locale.get_closest(*locale_codes)


def set_default_locale(code: str) -> None:
    """Say in which language the texts of the program are written, ``en_US`` if this is not called.

    Nothing has to be translated into it, and it is what users get whose languages are not there.

    :arg code: such as ``de_DE``.
    """
    global _default_locale
    _default_locale = code
    _note_supported()


def load_translations(directory: str, encoding: str | None = None) -> None:
    """Load translations from the CSV files of a directory, one for each locale.

    A file is called like its locale, ``es_GT.csv``. A row has the text of the program, the
    translation, and optionally ``plural`` or ``singular`` if it is for one of these forms only::

        "I love you","Te amo"
        "%(name)s liked this","A %(name)s le gustó esto","singular"
        "%(name)s liked this","A %(name)s les gustó esto","plural"

    What was loaded before is forgotten.

    :arg directory: path.
    :arg encoding: of the files; by default UTF-8, or what their byte order mark says (Tornado 4.3).
    :raises OSError: there is no such directory.
    :raises UnicodeDecodeError: a file is written in another encoding.
    """
    global _translations, _use_gettext
    translations: dict[str, dict[str, dict[str, str]]] = {}
    for name in sorted(os.listdir(directory)):
        code, suffix = os.path.splitext(name)
        if name == _SUFFIX:
            code, suffix = "", name
        if suffix != _SUFFIX:
            continue
        path = os.path.join(directory, name)
        if _CODE.fullmatch(code):
            translations[code] = _read_csv(path, encoding)
        else:
            gen_log.error("Unrecognized locale %r (path: %s)", code, path)
    _translations = translations
    _use_gettext = False
    _note_supported()


def _read_csv(path: str, encoding: str | None) -> dict[str, dict[str, str]]:
    """The rows of a file: for each form, translation by text."""
    with open(path, "rb") as file:
        data = file.read()
    if encoding is None:
        encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8-sig")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        error.reason += f"; {path} needs load_translations(encoding=...)"
        raise
    forms: dict[str, dict[str, str]] = {}
    rows = csv.reader(io.StringIO(text, newline=None))
    for number, row in enumerate(rows, 1):
        if len(row) < 2:
            continue
        message, translation, form = (*map(str.strip, row), "")[:3]
        form = form or "unknown"
        if form not in _FORMS:
            gen_log.error(
                "Unrecognized plural indicator %r in %s line %d",
                form,
                os.path.basename(path),
                number,
            )
            continue
        forms.setdefault(form, {})[message] = translation
    return forms


def load_gettext_translations(directory: str, domain: str) -> None:
    """Load translations from gettext catalogues: ``<directory>/<locale>/LC_MESSAGES/<domain>.mo``.

    What was loaded before is forgotten.

    :arg directory: path.
    :arg domain: the program's name in the catalogues.
    """
    global _translations, _use_gettext
    translations: dict[str, gettext.NullTranslations] = {}
    try:
        codes = sorted(os.listdir(directory))
    except OSError as error:
        gen_log.warning("No translations: %s", error)
        codes = []
    for code in codes:
        path = os.path.join(directory, code, "LC_MESSAGES", domain + ".mo")
        if code.startswith(".") or not os.path.exists(path):
            continue
        try:
            with open(path, "rb") as file:
                translations[code] = gettext.GNUTranslations(file)
        except Exception as error:  # whatever a broken catalogue makes of gettext
            gen_log.error("Cannot load translation for %r: %s", code, error)
    _translations = translations
    _use_gettext = True
    _note_supported()


def get_supported_locales() -> Iterable[str]:
    """The codes of the locales that there are translations for, and the default one."""
    return _supported_locales


def _note_supported() -> None:
    global _supported_locales
    _supported_locales = frozenset([*_translations, _default_locale])
    Locale._cache = {}
    gen_log.debug("Supported locales: %s", sorted(_supported_locales))


class Locale:
    """How people of one language and country write; `get` finds the one to use.

    Subclasses have the translations; this class has what is built on them. Its formats are texts
    too, in English, to be translated like others.

    :arg code: such as ``en_US``.

    :ivar code: as given.
    :ivar name: what its speakers call it.
    :ivar rtl: whether it is written from right to left.
    """

    _cache: ClassVar[dict[str, "Locale"]] = {}

    @classmethod
    def get_closest(cls, *locale_codes: str) -> "Locale":
        """As the function `get` of this module."""
        for wanted in locale_codes:
            parts = wanted.replace("-", "_").split("_") if wanted else []
            if not 1 <= len(parts) <= 2:
                continue
            language = parts[0].lower()
            code = f"{language}_{parts[1].upper()}" if len(parts) == 2 else wanted
            for candidate in (code, language):
                if candidate in _supported_locales:
                    return cls.get(candidate)
        return cls.get(_default_locale)

    @classmethod
    def get(cls, code: str) -> "Locale":
        """The locale of a code.

        :raises ValueError: it is not one of `get_supported_locales`.
        """
        known = cls._cache.get(code)
        if known is not None:
            return known
        if code not in _supported_locales:
            raise ValueError(f"no translations are loaded for the locale {code!r}")
        translations = _translations.get(code)
        locale: Locale
        if translations is None:
            locale = CSVLocale(code, {})
        elif _use_gettext:
            locale = GettextLocale(code, translations)
        else:
            locale = CSVLocale(code, translations)
        cls._cache[code] = locale
        return locale

    def __init__(self, code: str) -> None:
        self.code = code
        self.name: str = LOCALE_NAMES.get(code, {}).get("name", "Unknown")
        self.rtl: bool = code.startswith(("fa", "ar", "he"))
        _ = self.translate
        self._months = [
            *(_("January"), _("February"), _("March"), _("April"), _("May"), _("June")),
            *(_("July"), _("August"), _("September"), _("October"), _("November"), _("December")),
        ]
        self._weekdays = [
            *(_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday")),
            *(_("Friday"), _("Saturday"), _("Sunday")),
        ]

    def translate(
        self,
        message: str,
        plural_message: str | None = None,
        count: int | None = None,
    ) -> str:
        """The translation of a text, or the text itself if there is none.

        :arg message: as it stands in the program.
        :arg plural_message: the same for more than one of something.
        :arg count: of how many it speaks; needed with ``plural_message``.
        """
        raise NotImplementedError(f"{type(self).__name__} must define translate()")

    def pgettext(
        self,
        context: str,
        message: str,
        plural_message: str | None = None,
        count: int | None = None,
    ) -> str:
        """The translation of a text that means different things in different places.

        :arg context: what tells them apart.
        :arg message, plural_message, count: as for `translate`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define pgettext()")

    def format_date(
        self,
        date: int | float | datetime.datetime,
        gmt_offset: int = 0,
        relative: bool = True,
        shorter: bool = False,
        full_format: bool = False,
    ) -> str:
        """A date and time in words, such as ``2 minutes ago`` or ``June 20 at 9:15 pm``.

        :arg date: seconds since the epoch, or a datetime; one without a zone is UTC, one with a
            zone is told in that (Tornado 6.4).
        :arg gmt_offset: minutes of the reader's time behind UTC, as JavaScript's
            ``getTimezoneOffset`` gives them.
        :arg relative: whether times of the last day may be told by how long ago they were.
        :arg shorter: leave out the time of day where the day is named.
        :arg full_format: always month, day, year and time.
        """
        if isinstance(date, (int, float)):
            date = datetime.datetime.fromtimestamp(date, datetime.UTC)
        elif not isinstance(date, datetime.datetime):
            raise TypeError(f"a date is a number or a datetime, not {type(date).__name__}")
        elif date.tzinfo is None:
            date = date.replace(tzinfo=datetime.UTC)
        now = datetime.datetime.now(date.tzinfo)
        if date > now:
            if relative and (date - now).total_seconds() < 60:
                date = now  # clocks differ
            else:
                full_format = True
        offset = datetime.timedelta(minutes=gmt_offset)
        local = date - offset
        pattern = None
        if not full_format:
            age = now - date
            if relative and age.days == 0:
                return self._age(age.seconds)
            yesterday = (now - offset).date() - datetime.timedelta(days=1)
            is_yesterday = relative and age.days == 1 and local.date() == yesterday
            pattern = self._date_pattern(age.days, is_yesterday, shorter)
        if pattern is None:
            pattern = self.translate(
                "%(month_name)s %(day)s, %(year)s"
                if shorter
                else "%(month_name)s %(day)s, %(year)s at %(time)s"
            )
        return pattern % {
            "month_name": self._months[local.month - 1],
            "weekday": self._weekdays[local.weekday()],
            "day": str(local.day),
            "year": str(local.year),
            "time": self._time_of_day(local),
        }

    def _age(self, seconds: int) -> str:
        _ = self.translate
        # From 50 on the next unit is nearer.
        if seconds < 50:
            return _("1 second ago", "%(seconds)d seconds ago", seconds) % {"seconds": seconds}
        if seconds < 50 * 60:
            minutes = round(seconds / 60)
            return _("1 minute ago", "%(minutes)d minutes ago", minutes) % {"minutes": minutes}
        hours = round(seconds / 3600)
        return _("1 hour ago", "%(hours)d hours ago", hours) % {"hours": hours}

    def _date_pattern(self, days: int, is_yesterday: bool, shorter: bool) -> str | None:
        """The text for a day not long ago; None if its year has to be told."""
        _ = self.translate
        if days == 0:
            return _("%(time)s")
        if is_yesterday:
            return _("yesterday") if shorter else _("yesterday at %(time)s")
        if days < 5:
            return _("%(weekday)s") if shorter else _("%(weekday)s at %(time)s")
        if days < 334:  # eleven months: the name of a month is still that of one only
            return _("%(month_name)s %(day)s" if shorter else "%(month_name)s %(day)s at %(time)s")
        return None

    def _time_of_day(self, local: datetime.datetime) -> str:
        if self.code in ("en", "en_US"):
            return f"{local.hour % 12 or 12}:{local.minute:02} {'am' if local.hour < 12 else 'pm'}"
        if self.code == "zh_CN":
            half = "上午" if local.hour < 12 else "下午"
            return f"{half}{local.hour % 12 or 12}:{local.minute:02}"
        return f"{local.hour}:{local.minute:02}"

    def format_day(self, date: datetime.datetime, gmt_offset: int = 0, dow: bool = True) -> str:
        """A day in words, such as ``Monday, January 22``.

        :arg date: the time in UTC.
        :arg gmt_offset: minutes of the reader's time behind UTC.
        :arg dow: whether to name the day of the week.
        """
        local = date - datetime.timedelta(minutes=gmt_offset)
        pattern = self.translate(
            "%(weekday)s, %(month_name)s %(day)s" if dow else "%(month_name)s %(day)s"
        )
        return pattern % {
            "month_name": self._months[local.month - 1],
            "weekday": self._weekdays[local.weekday()],
            "day": str(local.day),
        }

    def list(self, parts: Sequence[str]) -> str:
        """Some texts as one, such as ``A, B and C``.

        :arg parts: a sequence of str.
        """
        if len(parts) < 2:
            return parts[0] if parts else ""
        comma = " و " if self.code.startswith("fa") else ", "
        return self.translate("%(commas)s and %(last)s") % {
            "commas": comma.join(parts[:-1]),
            "last": parts[-1],
        }

    def friendly_number(self, value: int) -> str:
        """A number, in English with commas: ``1,234``.

        :arg value: int.
        """
        if self.code not in ("en", "en_US"):
            return str(value)
        return f"{int(value) if isinstance(value, (bool, str)) else value:,}"


class CSVLocale(Locale):
    """A locale with translations from a CSV file.

    :arg translations: for each of the forms ``plural``, ``singular`` and ``unknown``, translation
        by text.
    """

    def __init__(self, code: str, translations: dict[str, dict[str, str]]) -> None:
        self.translations = translations
        super().__init__(code)

    def translate(
        self,
        message: str,
        plural_message: str | None = None,
        count: int | None = None,
    ) -> str:
        form = "unknown"
        if plural_message is not None:
            if _needed(count) != 1:
                message = plural_message
                form = "plural"
            else:
                form = "singular"
        return self.translations.get(form, {}).get(message, message)

    def pgettext(
        self,
        context: str,
        message: str,
        plural_message: str | None = None,
        count: int | None = None,
    ) -> str:
        """As `translate`: CSV files have no contexts, which the log is told."""
        if self.translations:
            gen_log.warning("pgettext is not supported by CSVLocale")
        return self.translate(message, plural_message, count)


class GettextLocale(Locale):
    """A locale with translations from a gettext catalogue.

    :arg translations: the catalogue.

    :ivar gettext: the function of the catalogue.
    :ivar ngettext: likewise.
    """

    def __init__(self, code: str, translations: gettext.NullTranslations) -> None:
        self.ngettext: Callable[[str, str, int], str] = translations.ngettext
        self.gettext: Callable[[str], str] = translations.gettext
        super().__init__(code)

    def translate(
        self,
        message: str,
        plural_message: str | None = None,
        count: int | None = None,
    ) -> str:
        if plural_message is not None:
            return self.ngettext(message, plural_message, _needed(count))
        return self.gettext(message)

    def pgettext(
        self,
        context: str,
        message: str,
        plural_message: str | None = None,
        count: int | None = None,
    ) -> str:
        """The translation with that context; a plural falls back on the one without (Tornado 4.2).

        Extract the texts with ``xgettext --keyword=pgettext:1c,2 --keyword=pgettext:1c,2,3``.
        """
        prefix = context + CONTEXT_SEPARATOR
        if plural_message is not None:
            number = _needed(count)
            found = self.ngettext(prefix + message, prefix + plural_message, number)
            if CONTEXT_SEPARATOR in found:
                found = self.ngettext(message, plural_message, number)
            return found
        found = self.gettext(prefix + message)
        return message if CONTEXT_SEPARATOR in found else found


def _needed(count: int | None) -> int:
    if count is None:
        raise TypeError("a text with a plural needs a count")
    return count
