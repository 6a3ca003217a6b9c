#!/usr/bin/env python3
"""Makes the peers' environment, bench/.venv-peers, once, with this script's Python."""

import json
import subprocess
import sys
from pathlib import Path

from servers import PEERS

# What each is for: the package itself, then what its fast configuration needs.
PACKAGES = (
    "tornado",
    "aiohttp",
    "uvicorn",
    "httptools",
    "uvloop",
    "starlette",
    "fastapi",
    "granian",
    "blacksheep",
    "socketify",
    "jinja2",
)


def set_up() -> dict[str, str]:
    """Install what is missing; a peer that cannot be installed is named and left out.

    :returns: the installed packages' versions by name.
    """
    python = str(PEERS / "bin/python")
    if not Path(python).exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(PEERS)], check=True)
    versions = _installed(python)
    for package in PACKAGES:
        if package in versions:
            continue
        print(f"installing {package}", flush=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package]
        if subprocess.run(pip, check=False).returncode:
            print(f"{package} cannot be installed here; going on without it.")
    return {name: version for name, version in _installed(python).items() if name in PACKAGES}


def _installed(python: str) -> dict[str, str]:
    command = [python, "-m", "pip", "list", "--format=json", "--disable-pip-version-check"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {entry["name"].lower(): entry["version"] for entry in json.loads(listed)}


if __name__ == "__main__":
    for name, version in set_up().items():
        print(name, version)
