"""What the scripts say, for the languages other than that they are written in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whirlwind.locale import Locale

# As they stand in the scripts, with {places} for values.
TEXTS = (
    "Asking…",
    "No answer: {reason}",
    "(none)",
    "{size} in {time}",
    "now {pressure} hPa",
    "first request, 0 ms at the bottom",
    "top: {time}",
    "{count} answers in {time}. The chart draws what the browser sees,"
    " and most of that is its own work.",
    "The server did not answer: {reason}",
    "Waiting for the first piece…",
    "Piece {count} after {time}.",
    "Complete: {count} pieces in {time}.",
    "Complete: 1 piece in {time}.",
    "Stopped after {count} pieces. The server’s log says so too.",  # noqa: RUF001
    "It broke off after {count} pieces: {reason}.",
    "{knots} kn",
    "Nothing chosen",
    "{name} is over the limit of {size}",
    "{name}, {size}",
    "{share} %, {sent} of {size}, {speed} a second",
    "All {size} are on their way; the server reads the last of them.",
    "the server answered {status}",
    "the connection broke",
    "stopped",
    "not made: the file is large, or this page is not on a secure address",
    "Arrived.",
    "Every byte arrived: the two hashes agree.",
    "The two hashes differ.",
    "{size} sent and read.",
    "Not sent: {reason}.",
    "Making noise…",
    "Tuning in…",
    "On the air as {name}.",
    "Lost the signal. Trying again in {seconds} s.",
    "No network. Trying again in {seconds} s.",
    "You are on the air from another window.",
    "{name} comes on the air.",
    "{name} goes off the air.",
    "{text} is {name} now.",
    "you",
    "That was too fast for the channel. Your message is back in the field.",
)


def words(locale: Locale) -> dict[str, str]:
    """The texts that a language has words of its own for."""
    found = {text: locale.translate(text) for text in TEXTS}
    return {text: translation for text, translation in found.items() if translation != text}
