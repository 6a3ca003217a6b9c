"""Translations from both kinds of files, and what locales make of dates, lists and numbers."""

import datetime
import gettext
import logging
import struct
from pathlib import Path
from typing import Any

import pytest

from whirlwind import locale
from whirlwind.locale import CSVLocale, GettextLocale, Locale

UTC = datetime.UTC
DAY = datetime.timedelta(days=1)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    # As in a new process: other tests may have loaded translations into this one.
    monkeypatch.setattr(locale, "_default_locale", "en_US")
    monkeypatch.setattr(locale, "_translations", {})
    monkeypatch.setattr(locale, "_supported_locales", frozenset(["en_US"]))
    monkeypatch.setattr(locale, "_use_gettext", False)
    monkeypatch.setattr(Locale, "_cache", {})


def write(directory: Path, **files: str | bytes) -> str:
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        (directory / f"{name}.csv").write_bytes(data)
    return str(directory)


def catalogue(messages: dict[str, str]) -> bytes:
    """A .mo file, as the manual of GNU gettext describes it."""
    head = "Content-Type: text/plain; charset=utf-8\nPlural-Forms: nplurals=2; plural=n>1;\n"
    rows = sorted((k.encode(), v.encode()) for k, v in {"": head, **messages}.items())
    keys = b"".join(k + b"\0" for k, _ in rows)
    start = 28 + 16 * len(rows)
    tables: list[int] = []
    for column, at in ((0, start), (1, start + len(keys))):
        for row in rows:
            tables += [len(row[column]), at]
            at += len(row[column]) + 1
    return (
        struct.pack("<7I", 0x950412DE, 0, len(rows), 28, 28 + 8 * len(rows), 0, 0)
        + struct.pack(f"<{len(tables)}I", *tables)
        + keys
        + b"".join(v + b"\0" for _, v in rows)
    )


def write_catalogue(directory: Path, code: str, content: bytes) -> str:
    path = directory / code / "LC_MESSAGES"
    path.mkdir(parents=True)
    (path / "app.mo").write_bytes(content)
    return str(directory)


class TestCSV:
    def test_rows(self, tmp_path: Path) -> None:
        rows = '"a","A"\n"n one","une","singular"\n n many , des , plural \n\nalone\nx,"y\r\nz"\n'
        locale.load_translations(write(tmp_path, fr_FR=rows))
        french = locale.get("fr_FR")
        assert isinstance(french, CSVLocale)
        assert (french.code, french.name, french.rtl) == ("fr_FR", "Français", False)
        assert french.translate("a") == "A"
        assert french.translate("b") == "b"
        assert french.translate("x") == "y\nz"
        assert french.translate("n one", "n many", 1) == "une"
        assert french.translate("n one", "n many", 0) == "des"
        assert french.translate("n one", "n many", 2) == "des"
        # A form that is not there is not taken from another one.
        assert french.translate("a", "as", 1) == "a"
        assert french.translations["unknown"]["a"] == "A"

    def test_a_plural_needs_a_count(self) -> None:
        with pytest.raises(TypeError, match="needs a count"):
            locale.get("en_US").translate("a", "b")

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
    def test_l3_encodings_with_a_mark(self, tmp_path: Path, encoding: str) -> None:
        locale.load_translations(write(tmp_path, fr="école,Schule".encode(encoding)))
        assert locale.get("fr").translate("école") == "Schule"

    def test_l3_encodings_by_argument(self, tmp_path: Path) -> None:
        directory = write(tmp_path, fr="école,Schule".encode("latin-1"))
        with pytest.raises(UnicodeDecodeError, match=r"fr\.csv needs load_translations\(encoding"):
            locale.load_translations(directory)
        locale.load_translations(directory, encoding="latin-1")
        assert locale.get("fr").translate("école") == "Schule"

    def test_what_is_wrong_is_logged(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        directory = write(tmp_path, fr="a,A\nb,B,some", **{"de-DE": "a,b", "pt_br": "", "": ""})
        (tmp_path / "readme.txt").write_text("a,b")
        with caplog.at_level(logging.WARNING):
            locale.load_translations(directory)
        messages = [record.getMessage() for record in caplog.records]
        assert "Unrecognized plural indicator 'some' in fr.csv line 2" in messages
        for code in ("", "de-DE", "pt_br"):
            path = tmp_path / f"{code}.csv"
            assert f"Unrecognized locale {code!r} (path: {path})" in messages
        assert len(messages) == 4
        assert set(locale.get_supported_locales()) == {"en_US", "fr"}
        assert locale.get("fr").translate("a") == "A"

    def test_no_directory(self) -> None:
        with pytest.raises(FileNotFoundError):
            locale.load_translations("/nonexistent")

    def test_a_failure_changes_nothing(self, tmp_path: Path) -> None:
        locale.load_translations(write(tmp_path, fr="a,A"))
        before = locale.get("fr")
        with pytest.raises(UnicodeDecodeError):
            locale.load_translations(write(tmp_path, fr=b"\xff"))
        assert locale.get("fr") is before

    def test_loading_again(self, tmp_path: Path) -> None:
        locale.load_translations(write(tmp_path, fr="a,A"))
        assert locale.get("fr").translate("a") == "A"
        locale.load_translations(write(tmp_path, fr="a,B"))
        assert locale.get("fr").translate("a") == "B"

    def test_contexts_are_ignored(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        assert locale.get("en_US").pgettext("law", "right") == "right"
        assert not caplog.records
        locale.load_translations(write(tmp_path, fr="right,droit"))
        assert locale.get("fr").pgettext("law", "right") == "droit"
        assert "pgettext is not supported" in caplog.text


class TestGettext:
    MESSAGES = {
        "school": "école",
        "law\4right": "le droit",
        "club\0clubs": "club\0clubs",
        "stick\4club\0stick\4clubs": "le bâton\0les bâtons",
    }

    @pytest.fixture
    def french(self, tmp_path: Path) -> Locale:
        directory = write_catalogue(tmp_path, "fr_FR", catalogue(self.MESSAGES))
        locale.load_gettext_translations(directory, "app")
        return locale.get("fr_FR")

    def test_messages(self, french: Locale) -> None:
        assert isinstance(french, GettextLocale)
        assert french.translate("school") == "école"
        assert french.translate("nothing") == "nothing"
        assert french.translate("club", "clubs", 1) == "club"
        assert french.translate("dog", "dogs", 5) == "dogs"
        assert french.gettext("school") == "école"
        assert french.ngettext("dog", "dogs", 1) == "dog"

    def test_contexts(self, french: Locale) -> None:
        assert french.pgettext("law", "right") == "le droit"
        assert french.pgettext("side", "right") == "right"
        assert french.pgettext("stick", "club", "clubs", 1) == "le bâton"
        assert french.pgettext("stick", "club", "clubs", 2) == "les bâtons"
        # Plurals that are not there with this context are taken without it.
        assert french.pgettext("bar", "club", "clubs", 2) == "clubs"
        with pytest.raises(TypeError, match="needs a count"):
            french.pgettext("stick", "club", "clubs")

    def test_what_is_no_catalogue(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        write_catalogue(tmp_path, "de", catalogue({}))
        write_catalogue(tmp_path, "es", b"junk")
        write_catalogue(tmp_path, ".git", catalogue({}))
        (tmp_path / "it").mkdir()
        (tmp_path / "file").write_text("")
        locale.load_gettext_translations(str(tmp_path), "app")
        assert set(locale.get_supported_locales()) == {"en_US", "de"}
        assert "Cannot load translation for 'es'" in caplog.text
        assert "it" not in caplog.text
        # The default locale needs no catalogue.
        assert locale.get("en_US").translate("a") == "a"

    def test_no_directory(self, caplog: pytest.LogCaptureFixture) -> None:
        locale.load_gettext_translations("/nonexistent", "app")
        assert set(locale.get_supported_locales()) == {"en_US"}
        assert "/nonexistent" in caplog.text

    def test_a_catalogue_of_ones_own(self) -> None:
        own = GettextLocale("xx", gettext.NullTranslations())
        assert (own.translate("a"), own.name) == ("a", "Unknown")


class TestChoice:
    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            (("pt_BR",), "pt_BR"),
            (("pt-br",), "pt_BR"),
            (("PT-BR",), "pt_BR"),
            (("fr_CA",), "fr"),
            (("fr",), "fr"),
            (("FR",), "fr"),
            (("fr-",), "fr"),
            (("pt",), "en_US"),
            (("xx", "fr_CH", "pt_BR"), "fr"),
            (("zh_Hans_CN",), "en_US"),
            (("", "-", "_fr", "a_b_c_d"), "en_US"),
            ((), "en_US"),
        ],
    )
    def test_closest(self, tmp_path: Path, wanted: tuple[str, ...], found: str) -> None:
        locale.load_translations(write(tmp_path, fr="a,b", pt_BR="a,b", zh_CN="a,b"))
        assert locale.get(*wanted).code == found
        assert Locale.get_closest(*wanted) is locale.get(found)

    def test_default_locale(self, tmp_path: Path) -> None:
        locale.set_default_locale("de_DE")
        assert set(locale.get_supported_locales()) == {"de_DE"}
        assert locale.get("xx").code == "de_DE"
        locale.load_translations(write(tmp_path, en_US="a,b"))
        assert set(locale.get_supported_locales()) == {"de_DE", "en_US"}

    def test_exactly_one(self) -> None:
        with pytest.raises(ValueError, match="'xx'"):
            Locale.get("xx")

    def test_names(self) -> None:
        assert locale.LOCALE_NAMES["es_LA"] == {"name_en": "Spanish", "name": "Español"}
        assert len(locale.LOCALE_NAMES) == 62
        assert [CSVLocale(c, {}).rtl for c in ("fa", "ar_AR", "he_IL", "en")] == [
            *(True, True, True, False)
        ]

    def test_the_base_has_no_translations(self) -> None:
        with pytest.raises(NotImplementedError, match="must define translate"):
            Locale("en")

        class Half(Locale):
            def translate(self, message: str, *args: Any) -> str:
                return message

        with pytest.raises(NotImplementedError, match="Half must define pgettext"):
            Half("en").pgettext("a", "b")


class TestFormats:
    english = property(lambda self: locale.get("en_US"))

    @pytest.mark.parametrize(
        ("hour", "times"),
        [
            (0, ("12:05 am", "0:05", "上午12:05")),
            (11, ("11:05 am", "11:05", "上午11:05")),
            (12, ("12:05 pm", "12:05", "下午12:05")),
            (23, ("11:05 pm", "23:05", "下午11:05")),
        ],
    )
    def test_full_dates(self, hour: int, times: tuple[str, ...]) -> None:
        date = datetime.datetime(2013, 4, 28, hour, 5)
        for code, time in zip(("en_US", "fr_FR", "zh_CN"), times, strict=True):
            text = CSVLocale(code, {}).format_date(date, full_format=True)
            assert text == f"April 28, 2013 at {time}"

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (2, "2 seconds ago"),
            (1.1, "1 second ago"),
            (45, "45 seconds ago"),
            (55, "1 minute ago"),
            (80, "1 minute ago"),
            (100, "2 minutes ago"),
            (48 * 60, "48 minutes ago"),
            (52 * 60, "1 hour ago"),
            (86 * 60, "1 hour ago"),
            (94 * 60, "2 hours ago"),
            (23 * 3600, "23 hours ago"),
            (-20, "0 seconds ago"),
        ],
    )
    def test_a_moment_ago(self, seconds: float, text: str) -> None:
        now = datetime.datetime.now(UTC)
        date = now - datetime.timedelta(seconds=seconds)
        for form in (date, date.replace(tzinfo=None), date.timestamp()):
            assert self.english.format_date(form) == text
        east = date.astimezone(datetime.timezone(datetime.timedelta(hours=9)))
        assert self.english.format_date(east) == text

    def test_days_ago(self) -> None:
        # The hour of now, so that a day ago is yesterday whatever the time is.
        now = datetime.datetime.now(UTC)
        months, weekdays = self.english._months, self.english._weekdays

        def both(days: int, **options: Any) -> tuple[str, str]:
            date = now - days * DAY - datetime.timedelta(seconds=1)
            return (
                self.english.format_date(date, **options),
                self.english.format_date(date, shorter=True, **options),
            )

        def time(days: int) -> str:
            date = now - days * DAY - datetime.timedelta(seconds=1)
            return f"{date.hour % 12 or 12}:{date.minute:02} {'ap'[date.hour > 11]}m"

        before = now - 3 * DAY - datetime.timedelta(seconds=1)
        weekday = weekdays[before.weekday()]
        assert both(3) == (f"{weekday} at {time(3)}", weekday)
        before = now - 100 * DAY - datetime.timedelta(seconds=1)
        day = f"{months[before.month - 1]} {before.day}"
        assert both(100) == (f"{day} at {time(100)}", day)
        before = now - 500 * DAY - datetime.timedelta(seconds=1)
        day = f"{months[before.month - 1]} {before.day}, {before.year}"
        assert both(500) == (f"{day} at {time(500)}", day)
        assert both(0, relative=False) == (time(0), time(0))

    def test_yesterday(self) -> None:
        now = datetime.datetime.now(UTC)
        date = now - DAY - datetime.timedelta(seconds=1)
        if date.date() == (now - DAY).date():  # not at midnight
            assert self.english.format_date(date, shorter=True) == "yesterday"
            assert self.english.format_date(date).startswith("yesterday at ")
            weekday = self.english._weekdays[date.weekday()]
            assert self.english.format_date(date, relative=False, shorter=True) == weekday

    def test_the_future_is_told_in_full(self) -> None:
        date = datetime.datetime.now(UTC) + DAY + datetime.timedelta(seconds=30)
        expected = f"{self.english._months[date.month - 1]} {date.day}, {date.year}"
        assert self.english.format_date(date, shorter=True) == expected

    def test_offset_of_the_reader(self) -> None:
        date = datetime.datetime(2013, 4, 28, 0, 35)
        full = {"full_format": True}
        assert self.english.format_date(date, 60, **full) == "April 27, 2013 at 11:35 pm"
        assert self.english.format_date(date, -120, **full) == "April 28, 2013 at 2:35 am"
        assert self.english.format_day(date, 60) == "Saturday, April 27"

    def test_days(self) -> None:
        date = datetime.datetime(2013, 4, 28, 18, 35)
        assert self.english.format_day(date) == "Sunday, April 28"
        assert self.english.format_day(date, dow=False) == "April 28"

    @pytest.mark.parametrize("value", ["2013", None, datetime.date(2013, 4, 28)])
    def test_what_is_no_date(self, value: Any) -> None:
        with pytest.raises(TypeError, match="a number or a datetime"):
            self.english.format_date(value)

    def test_formats_are_translated(self, tmp_path: Path) -> None:
        rows = (
            "April,avril\nSunday,dimanche\n"
            '"%(weekday)s, %(month_name)s %(day)s","%(weekday)s %(day)s %(month_name)s"\n'
            '"%(month_name)s %(day)s, %(year)s at %(time)s",'
            '"le %(day)s %(month_name)s %(year)s à %(time)s"\n'
            '"%(minutes)d minutes ago","il y a %(minutes)d minutes",plural\n'
            '"%(commas)s and %(last)s","%(commas)s et %(last)s"\n'
        )
        locale.load_translations(write(tmp_path, fr=rows))
        french = locale.get("fr")
        date = datetime.datetime(2013, 4, 28, 18, 35)
        assert french.format_day(date) == "dimanche 28 avril"
        assert french.format_date(date, full_format=True) == "le 28 avril 2013 à 18:35"
        ago = datetime.datetime.now(UTC) - datetime.timedelta(minutes=3)
        assert french.format_date(ago) == "il y a 3 minutes"
        assert french.list(["a", "b", "c"]) == "a, b et c"

    def test_lists(self) -> None:
        texts = [self.english.list(parts) for parts in ([], ["a"], ["a", "b"], ["a", "b", "c"])]
        assert texts == ["", "a", "a and b", "a, b and c"]
        assert CSVLocale("fa_IR", {}).list(["a", "b", "c"]) == "a و b and c"

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0, "0"),
            (123, "123"),
            (1234, "1,234"),
            (1234567, "1,234,567"),
            (-123, "-123"),
            (-1234, "-1,234"),
            ("12345", "12,345"),
            (1234.5, "1,234.5"),
        ],
    )
    def test_numbers(self, value: Any, text: str) -> None:
        assert self.english.friendly_number(value) == text
        assert CSVLocale("fr_FR", {}).friendly_number(value) == str(value)
