"""whirlwind.web.static.files: containment by text, by real path, and when opening."""

import os
import stat
from pathlib import Path

import pytest

from whirlwind.protocol import limits
from whirlwind.web.static import files
from whirlwind.web.static.files import (
    Located,
    is_below,
    is_windows_special,
    locate,
    open_below,
    open_located,
)


@pytest.mark.parametrize(
    ("path", "directory", "expected"),
    [
        ("/static/a", "/static", True),
        ("/static/a", "/static/", True),
        ("/static", "/static", True),
        ("/static", "/static/", True),
        ("/static_private/a", "/static", False),
        ("/stati", "/static", False),
        ("/", "/static", False),
        ("/anything", "/", True),
        ("/", "/", True),
    ],
)
def test_is_below(path: str, directory: str, expected: bool) -> None:
    assert is_below(path, directory) is expected


@pytest.mark.parametrize(
    "path",
    [
        *[
            "con",
            "CON.txt",
            "a/nul.tar.gz",
            "a\\aux",
            "com1",
            "LPT9.x",
            "COM¹",
            "conin$",
            "prn .txt",
        ],
        *["a.txt:b", "a.txt::$DATA", "c:a", "a.", "a ", "dir./a", "a.txt..", "a/ /b"],
    ],
)
def test_windows_special_names(path: str) -> None:
    assert is_windows_special(path)


@pytest.mark.parametrize(
    "path",
    ["", "a.txt", "a/b.c/d", "./a", "../a", "console", "com", "com10", "nula.txt", ".a", "a b"],
)
def test_ordinary_names(path: str) -> None:
    assert not is_windows_special(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_text("a")
    (root / "sub" / "b.txt").write_text("b")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    (root / "good").symlink_to("a.txt")
    (root / "good_dir").symlink_to("sub")
    (root / "bad").symlink_to(outside / "secret.txt")
    (root / "bad_dir").symlink_to(outside)
    (root / "dangling").symlink_to(outside / "missing")
    (root / "loop").symlink_to("loop")
    return root


def content(located: Located) -> str:
    fd = open_located(located)
    try:
        return os.read(fd, 100).decode()
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    ("name", "real"),
    [
        ("a.txt", "a.txt"),
        ("sub/b.txt", "sub/b.txt"),
        ("good", "a.txt"),
        ("good_dir/b.txt", "sub/b.txt"),
    ],
)
def test_files_inside(root: Path, name: str, real: str) -> None:
    located = locate(str(root / name), [str(root)])
    assert (located.base, located.path) == (str(root), str(root / real))
    assert located.stat is not None
    assert stat.S_ISREG(located.stat.st_mode)
    assert content(located) == (root / real).read_text()


@pytest.mark.parametrize(
    "name", ["bad", "bad_dir/secret.txt", "bad_dir/missing", "dangling", "bad_dir"]
)
def test_links_that_lead_outside(root: Path, name: str) -> None:
    located = locate(str(root / name), [str(root)])
    assert located.base is None
    with pytest.raises(PermissionError):
        open_located(located)


@pytest.mark.parametrize(
    "name", ["missing", "sub/missing", "no/such/thing", "a.txt/x", "a\0b", "loop"]
)
def test_nothing_there(root: Path, name: str) -> None:
    located = locate(str(root / name), [str(root)])
    assert located.base == str(root)
    assert located.stat is None


@pytest.mark.parametrize("name", ["a.txt", "sub/b.txt", "sub"])
def test_open_below(root: Path, name: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    for directory, path in [
        (root, root / name),
        (tmp_path / "link", tmp_path / "link" / name),
        (tmp_path, root / name),
        (Path("/"), root / name),
    ]:
        opened = open_below(str(directory), str(path))
        assert opened is not None
        os.close(opened[0])
        assert opened[1] == str(root / name)


@pytest.mark.parametrize(
    "name",
    ["good", "bad", "dangling", "good_dir/b.txt", "bad_dir/secret.txt", "missing", "a\0b", ""],
)
def test_open_below_leaves_links_and_nothing_to_others(root: Path, name: str) -> None:
    before = len(os.listdir("/dev/fd"))
    assert open_below(str(root), str(root / name)) is None
    assert open_below(str(root / "missing"), str(root / "missing" / "x")) is None
    assert len(os.listdir("/dev/fd")) == before


def test_other_directories_may_be_allowed(root: Path) -> None:
    outside = root.parent / "outside"
    located = locate(str(root / "bad"), [str(root), str(outside)])
    assert located.base == str(outside)
    assert content(located) == "secret"
    assert locate(str(root / "a.txt"), [str(outside)]).base is None


def test_root_behind_a_link(root: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(root)
    located = locate(str(link / "sub" / "b.txt"), [str(link)])
    assert (located.base, located.path) == (str(root), str(root / "sub" / "b.txt"))
    assert content(located) == "b"


def test_root_of_the_file_system(root: Path) -> None:
    located = locate(str(root / "a.txt"), ["/"])
    assert located.base == "/"
    assert content(located) == "a"


def test_a_file_that_became_a_link(root: Path) -> None:
    located = locate(str(root / "a.txt"), [str(root)])
    (root / "a.txt").unlink()
    (root / "a.txt").symlink_to(root.parent / "outside" / "secret.txt")
    with pytest.raises(OSError, match="symbolic links"):
        open_located(located)


def test_a_directory_that_became_a_link(root: Path) -> None:
    located = locate(str(root / "sub" / "b.txt"), [str(root)])
    (root.parent / "outside" / "b.txt").write_text("secret")
    (root / "sub").rename(root / "old")
    (root / "sub").symlink_to(root.parent / "outside")
    with pytest.raises(OSError):  # noqa: PT011 - ENOTDIR or ELOOP, by system
        open_located(located)


def test_a_link_that_turned_is_noticed(root: Path) -> None:
    link = root / "good_dir"
    assert locate(str(link / "b.txt"), [str(root)]).base == str(root)
    link.unlink()
    link.symlink_to(root.parent / "outside")
    (root.parent / "outside" / "b.txt").write_text("secret")
    assert locate(str(link / "b.txt"), [str(root)]).base is None


def test_a_directory_in_the_place_of_another_is_noticed(root: Path) -> None:
    assert locate(str(root / "sub" / "b.txt"), [str(root)]).base == str(root)
    (root / "sub" / "b.txt").unlink()
    (root / "sub").rmdir()
    outside = root.parent / "outside" / "deep"
    outside.mkdir()  # may well get the inode number that has just become free
    (outside / "b.txt").write_text("secret")
    (root / "sub").symlink_to(outside)
    assert locate(str(root / "sub" / "b.txt"), [str(root)]).base is None


def test_directories_need_not_be_readable(root: Path) -> None:
    (root / "sub").chmod(0o311)
    try:
        located = locate(str(root / "sub" / "b.txt"), [str(root)])
        assert content(located) == "b"
    finally:
        (root / "sub").chmod(0o755)


def test_no_descriptor_is_lost(root: Path) -> None:
    located = [locate(str(root / name), [str(root)]) for name in ("a.txt", "sub/b.txt")]
    before = set(os.listdir("/dev/fd"))
    for each in located:
        content(each)
    (root / "sub" / "b.txt").unlink()
    with pytest.raises(FileNotFoundError):
        open_located(located[1])
    with pytest.raises(files.NotRegularError):
        files.open_regular(str(root))
    assert len(os.listdir("/dev/fd")) == len(before)


def test_fifo_does_not_wait(root: Path) -> None:
    os.mkfifo(root / "fifo")
    with pytest.raises(files.NotRegularError):
        files.open_regular(str(root / "fifo"))


def test_what_is_remembered_is_bounded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_REAL_DIRECTORIES", 3)
    monkeypatch.setattr(files, "_real_directories", {})
    for number in range(10):
        (root / str(number)).mkdir()
        locate(str(root / str(number) / "x"), [str(root)])
        locate(str(root / str(number)), [str(root)])
        assert len(files._real_directories) <= 3
    assert limits.MAX_REAL_DIRECTORIES >= 100
