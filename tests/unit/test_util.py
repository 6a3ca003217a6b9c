"""whirlwind.util: what programs and the other modules use of it."""

import asyncio
import datetime
import functools
import gzip
import io
import os
import re
import sys
import unittest
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whirlwind import util


class TestObjectDict:
    def test_items_are_attributes(self) -> None:
        value = util.ObjectDict(a=1)
        value.b = 2
        assert value == {"a": 1, "b": 2}
        assert (value.a, value.b) == (1, 2)

    def test_missing_is_attribute_error(self) -> None:
        with pytest.raises(AttributeError, match=r"^nope$"):
            _ = util.ObjectDict().nope


HELLO = gzip.compress(b"hello" * 10)
WORLD = gzip.compress(b"world")


class TestGzip:
    @given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.data())
    def test_any_segmentation_and_limit(self, members: list[bytes], data: st.DataObject) -> None:
        stream = b"".join(gzip.compress(member) for member in members)
        decompressor = util.GzipDecompressor()
        output = []
        pending = b""
        while stream or pending:
            size = data.draw(st.integers(1, len(stream))) if stream else 0
            pending, stream = pending + stream[:size], stream[size:]
            limit = data.draw(st.integers(1, 40))
            piece = decompressor.decompress(pending, limit)
            assert len(piece) <= limit
            output.append(piece)
            pending = decompressor.unconsumed_tail
        assert b"".join(output) == b"".join(members)
        assert decompressor.flush() == b""

    def test_members_are_joined_up_to_the_limit(self) -> None:
        decompressor = util.GzipDecompressor()
        assert decompressor.decompress(WORLD + WORLD + WORLD, 12) == b"worldworldwo"
        assert decompressor.decompress(decompressor.unconsumed_tail, 12) == b"rld"

    @pytest.mark.parametrize("garbage", [b"x", b"xyz", b"\0\0", b"\x1fx"])
    def test_garbage_after_a_member(self, garbage: bytes) -> None:
        decompressor = util.GzipDecompressor()
        with pytest.raises(zlib.error):
            decompressor.decompress(HELLO + garbage, 1000)
        with pytest.raises(zlib.error):
            decompressor.flush()

    @pytest.mark.parametrize("garbage", [b"x", b"\0\0", b"<html>", zlib.compress(b"a")])
    def test_not_gzip(self, garbage: bytes) -> None:
        with pytest.raises(zlib.error):
            util.GzipDecompressor().decompress(garbage, 1000)

    @pytest.mark.parametrize("size", range(1, len(HELLO)))
    def test_truncation(self, size: int) -> None:
        decompressor = util.GzipDecompressor()
        decompressor.decompress(HELLO[:size], 1000)
        with pytest.raises(zlib.error, match="truncated"):
            decompressor.flush()

    def test_damaged_checksum(self) -> None:
        with pytest.raises(zlib.error):
            util.GzipDecompressor().decompress(HELLO[:-8] + b"\0\0\0\0" + HELLO[-4:], 1000)

    def test_flush_wants_the_tail_first(self) -> None:
        decompressor = util.GzipDecompressor()
        decompressor.decompress(HELLO, 5)
        with pytest.raises(ValueError, match="unconsumed_tail"):
            decompressor.flush()

    def test_limits_that_make_no_sense(self) -> None:
        with pytest.raises(ValueError, match="negative"):
            util.GzipDecompressor().decompress(HELLO, -1)
        with pytest.deprecated_call():
            assert util.GzipDecompressor().decompress(HELLO) == b"hello" * 10

    def test_nothing_is_a_whole_stream(self) -> None:
        assert util.GzipDecompressor().flush() == b""


class TestImportObject:
    def test_modules_and_attributes(self) -> None:
        assert util.import_object("os") is os
        assert util.import_object("os.path.join") is os.path.join
        assert util.import_object("xml.etree.ElementTree").__name__ == "xml.etree.ElementTree"

    @pytest.mark.parametrize(
        ("name", "culprit"),
        [
            ("no_such_module", "no_such_module"),
            ("no_such.x", "no_such"),
            ("os.nope", "nope"),
            ("xml.nope", "nope"),
        ],
    )
    def test_missing(self, name: str, culprit: str) -> None:
        with pytest.raises(ImportError, match=culprit):
            util.import_object(name)

    def test_failure_inside_the_module_is_told(
        self, tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        package = os.path.join(tmp_path, "broken_package")
        os.mkdir(package)
        for file, text in (("__init__.py", ""), ("inner.py", "import missing_dependency")):
            with open(os.path.join(package, file), "w") as stream:
                stream.write(text)
        monkeypatch.syspath_prepend(str(tmp_path))
        with pytest.raises(ModuleNotFoundError, match="missing_dependency"):
            util.import_object("broken_package.inner")


def test_exec_in_has_no_future_flags() -> None:
    namespace: dict[str, object] = {}
    local: dict[str, object] = {}
    util.exec_in("x = 1", namespace)
    util.exec_in(compile("y = 2", "<test>", "exec"), namespace, local)
    assert namespace["x"] == 1
    assert local == {"y": 2}


class TestExceptions:
    def test_raise_exc_info_keeps_the_traceback(self) -> None:
        try:
            raise KeyError("deep")
        except KeyError:
            info = sys.exc_info()
        with pytest.raises(KeyError, match="deep") as caught:
            util.raise_exc_info(info)
        assert caught.value is info[1]
        with pytest.raises(TypeError, match="no exception"):
            util.raise_exc_info((None, None, None))

    def test_errno(self) -> None:
        assert util.errno_from_exception(OSError(5, "x")) == 5
        assert util.errno_from_exception(ValueError(7, "x")) == 7
        assert util.errno_from_exception(ValueError()) is None


class TestReUnescape:
    @given(st.text())
    def test_round_trip(self, text: str) -> None:
        assert util.re_unescape(re.escape(text)) == text

    @pytest.mark.parametrize("bad", [r"\d", r"\Z", r"\0", r"a\wb"])
    def test_refuses_what_escape_never_writes(self, bad: str) -> None:
        with pytest.raises(ValueError, match="cannot unescape"):
            util.re_unescape(bad)


class Base(util.Configurable):
    @classmethod
    def configurable_base(cls) -> type["Base"]:
        return Base

    @classmethod
    def configurable_default(cls) -> type["Base"]:
        return First

    def initialize(self, *args: object, **kwargs: object) -> None:
        self.args = args
        self.kwargs = kwargs


class First(Base):
    pass


class Second(Base):
    pass


class Inner(Base):
    """An implementation that is a base of its own."""

    @classmethod
    def configurable_base(cls) -> type["Inner"]:
        return Inner

    @classmethod
    def configurable_default(cls) -> type["Inner"]:
        return Innermost


class Innermost(Inner):
    pass


class TestConfigurable:
    @pytest.fixture(autouse=True)
    def _restore(self) -> object:
        saved = Base._save_configuration()
        yield
        Base._restore_configuration(saved)

    def test_default(self) -> None:
        made = Base(1, a=2)
        assert type(made) is First
        assert (made.args, made.kwargs) == ((1,), {"a": 2})
        assert Base.configured_class() is First

    def test_configured_arguments_go_only_to_calls_of_the_base(self) -> None:
        Base.configure(Second, a=1, b=2)
        assert Base(b=3, c=4).kwargs == {"a": 1, "b": 3, "c": 4}
        assert Second(c=4).kwargs == {"c": 4}
        assert type(First()) is First

    def test_by_name_and_back_to_default(self) -> None:
        Base.configure(f"{__name__}.Second")
        assert type(Base()) is Second
        Base.configure(None, a=1)
        made = Base()
        assert type(made) is First
        assert made.kwargs == {"a": 1}

    def test_not_a_subclass(self) -> None:
        with pytest.raises(ValueError, match="not a subclass"):
            Base.configure(dict)
        with pytest.raises(ImportError):
            Base.configure("no_such_module.Class")
        assert type(Base()) is First

    def test_nested_bases(self) -> None:
        Base.configure(Inner, outer=1)
        made = Base(x=2)
        assert type(made) is Innermost
        assert made.kwargs == {"outer": 1, "x": 2}
        assert type(Inner()) is Innermost

    def test_save_and_restore(self) -> None:
        Base.configure(Second, a=1)
        saved = Base._save_configuration()
        Base.configure(None)
        Base._restore_configuration(saved)
        assert Base().kwargs == {"a": 1}
        assert type(Base()) is Second

    def test_base_without_methods(self) -> None:
        with pytest.raises(NotImplementedError, match="configurable_base"):
            util.Configurable()


def two(x: int, y: int, callback: object = None, z: object = None) -> None:
    """Parameters by position."""


def named(x: int, *, callback: object = None) -> None:
    """Parameter by name only."""


class TestArgReplacer:
    def test_by_position(self) -> None:
        replacer = util.ArgReplacer(two, "callback")
        args = (1, 2, "old", 4)
        assert replacer.get_old_value(args, {}) == "old"
        assert replacer.replace("new", args, {}) == ("old", [1, 2, "new", 4], {})
        assert args == (1, 2, "old", 4)

    def test_by_name_and_absent(self) -> None:
        replacer = util.ArgReplacer(two, "callback")
        assert replacer.get_old_value((1,), {}, "default") == "default"
        kwargs = {"callback": "old"}
        assert replacer.replace("new", (1, 2), kwargs) == ("old", (1, 2), {"callback": "new"})
        assert util.ArgReplacer(named, "callback").replace("new", (1,), {}) == (
            None,
            (1,),
            {"callback": "new"},
        )

    def test_functions_without_a_signature(self) -> None:
        class Compiled:
            """A function as Cython makes it without binding: only a code object."""

            func_code = two.__code__
            __slots__ = ()

        assert util.ArgReplacer(Compiled(), "callback").arg_pos == 2  # type: ignore[arg-type]
        assert util.ArgReplacer(dict, "callback").arg_pos is None
        assert util.ArgReplacer(functools.partial(two, 1), "nope").arg_pos is None


def test_aliases() -> None:
    assert util.TimeoutError is asyncio.TimeoutError
    assert (util.bytes_type, util.unicode_type, util.basestring_type) == (bytes, str, str)
    assert util.timedelta_to_seconds(datetime.timedelta(minutes=1, milliseconds=500)) == 60.5
    assert util.is_finalizing() is False


class TestMask:
    @given(st.binary(min_size=4, max_size=4), st.binary(max_size=70))
    def test_against_the_definition(self, mask: bytes, data: bytes) -> None:
        expected = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
        assert util._websocket_mask(mask, data) == expected

    @pytest.mark.parametrize("mask", [b"", b"a", b"abc", b"abcde"])
    def test_bad_mask(self, mask: bytes) -> None:
        with pytest.raises(ValueError, match="4 bytes"):
            util._websocket_mask(mask, b"data")


def test_doctests() -> None:
    suite = util.doctests()
    assert suite.countTestCases() >= 3
    assert unittest.TextTestRunner(stream=io.StringIO()).run(suite).wasSuccessful()
