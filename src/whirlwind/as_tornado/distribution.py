"""What ``importlib.metadata`` tells about Tornado while Whirlwind stands in for it."""

from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

from whirlwind._version import API_VERSION

_METADATA = f"""\
Metadata-Version: 2.1
Name: tornado
Version: {API_VERSION}
Summary: Whirlwind, standing in for Tornado
"""


class TornadoDistribution(Distribution):
    """A distribution with a name and a version: the questions that version checks ask."""

    def read_text(self, filename: Any) -> str | None:
        """Return the text of one metadata file; there is only ``METADATA``."""
        return _METADATA if str(filename) == "METADATA" else None

    def locate_file(self, path: Any) -> Path:
        """Return where a file of the distribution would be: beside the package."""
        return Path(__file__).parent.parent.parent.joinpath(path)
