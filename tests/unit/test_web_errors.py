"""HTTPError, MissingArgumentError and Finish: their texts and their copies."""

import copy
import pickle
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest

from whirlwind.web.errors import Finish, HTTPError, MissingArgumentError


@pytest.mark.parametrize(
    ("error", "text", "message"),
    [
        (HTTPError(), "HTTP 500: Internal Server Error", None),
        (HTTPError(404), "HTTP 404: Not Found", None),
        (HTTPError(HTTPStatus.NOT_FOUND), "HTTP 404: Not Found", None),
        (HTTPError(404, "msg"), "HTTP 404: Not Found (msg)", "msg"),
        (HTTPError(404, ""), "HTTP 404: Not Found", ""),
        (HTTPError(404, None, "x"), "HTTP 404: Not Found", None),
        (HTTPError(404, "m %s", "x"), "HTTP 404: Not Found (m x)", "m x"),
        (HTTPError(404, "m %(a)s", {"a": 1}), "HTTP 404: Not Found (m 1)", "m 1"),
        (HTTPError(400, "100%"), "HTTP 400: Bad Request (100%)", "100%"),
        (HTTPError(400, "m %% x"), "HTTP 400: Bad Request (m %% x)", "m %% x"),
        (HTTPError(400, "m %%x %s", 1), "HTTP 400: Bad Request (m %x 1)", "m %x 1"),
        (HTTPError(499), "HTTP 499: Unknown", None),
        (HTTPError(499, reason="Odd", other=1), "HTTP 499: Odd", None),
    ],
)
def test_texts(error: HTTPError, text: str, message: str | None) -> None:
    assert str(error) == text
    assert error.get_message() == message


@pytest.mark.parametrize("error", [HTTPError(400, "100%", 1), HTTPError(400, "%d", "x", "y")])
def test_a_bad_format_still_has_a_text(error: HTTPError) -> None:
    assert repr(error._log_message) in str(error)
    assert repr(error.args) in str(error)


def test_log_message_is_a_format_for_args() -> None:
    for error in (HTTPError(400, "50% of %s"), HTTPError(400, "m %s", "x")):
        assert error.log_message is not None
        assert error.log_message % error.args == error.get_message()


def test_log_message_can_be_set() -> None:
    error = HTTPError(400)
    error.log_message = "later"
    assert error.get_message() == "later"


class Teapot(HTTPError):
    def __init__(self, brew: str) -> None:
        super().__init__(418, "no %s", brew, reason="Short and stout")
        self.brew = brew


COPIES = [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))]


@pytest.mark.parametrize("duplicate", COPIES)
@pytest.mark.parametrize(
    "error", [HTTPError(404, "m %s", "x", reason="R"), MissingArgumentError("q"), Teapot("coffee")]
)
def test_s41_copies_keep_everything(error: HTTPError, duplicate: Callable[[Any], Any]) -> None:
    twin = duplicate(error)
    assert twin is not error
    assert type(twin) is type(error)
    assert (twin.args, vars(twin)) == (error.args, vars(error))
    assert str(twin) == str(error)


def test_missing_argument() -> None:
    error = MissingArgumentError("q%d")
    assert (error.status_code, error.arg_name) == (400, "q%d")
    assert str(error) == "HTTP 400: Bad Request (Missing argument q%d)"


def test_s42_finish_keeps_its_argument() -> None:
    assert Finish("bye").args == ("bye",)
    assert not issubclass(Finish, HTTPError)
