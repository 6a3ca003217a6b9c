"""What the master tells a worker first."""

import dataclasses
import json

from whirlwind.cli.settings import Settings


@dataclasses.dataclass
class Assignment:
    """What a worker is told: its number, from 0, the listening sockets it has inherited, and the
    settings."""

    number: int
    sockets: list[int]
    settings: Settings

    def dump(self) -> bytes:
        """One line of JSON."""
        return json.dumps(dataclasses.asdict(self)).encode() + b"\n"

    @classmethod
    def load(cls, line: bytes) -> "Assignment":
        """The inverse of `dump`."""
        values = json.loads(line)
        return cls(values["number"], values["sockets"], Settings(**values["settings"]))
