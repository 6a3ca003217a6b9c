"""The log of ``whirlwind serve``."""

from types import SimpleNamespace

from whirlwind.cli.settings import Settings
from whirlwind.log import enable_pretty_logging


def set_up_logging(settings: Settings) -> None:
    """Send the log to stderr, in the form that the settings ask for."""
    options = SimpleNamespace(
        logging=settings.log_level,
        log_json=settings.log_format == "json",
        log_file_prefix=None,
        log_to_stderr=True,
    )
    enable_pretty_logging(options)
