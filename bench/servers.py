"""The servers we compare, and which of them can do which work."""

import shutil
import sys
from pathlib import Path

from measure import Server

HERE = Path(__file__).resolve().parent
PEERS = HERE / ".venv-peers"
SOURCES = HERE.parent / "src"

RAW = ("plaintext", "browser", "pipeline", "close")
ROUTED = ("json", "post64k")
PAGES = ("page", "static")
EVERYTHING = RAW + ROUTED + PAGES
TYPED = ("plaintext", "browser", "json", "post64k")
LOGGED = "plaintext+log"


def catalogue(compiled: bool) -> dict[str, dict[str, Server]]:
    """Return for each server's name the works it does, each with its command.

    :arg compiled: whether Whirlwind has its compiled modules here.
    """
    table: dict[str, dict[str, Server]] = {}

    def add(name: str, works: tuple[str, ...], *command: str, **variables: str) -> None:
        row = table.setdefault(name, {})
        row.update(dict.fromkeys(works, Server(name, command, variables)))

    def same_program(name: str, python: str, package: str, loop: str, **variables: str) -> None:
        command = (python, "tornado_api.py", "{port}", package, loop)
        add(name, EVERYTHING, *command, **variables)
        add(name, (LOGGED,), *command, "log", **variables)

    def peer(program: str) -> str:
        return str(PEERS / "bin" / program)

    python = peer("python")
    common = ["--host", "127.0.0.1", "--port", "{port}", "--workers", "1", "--loop", "uvloop"]
    common += ["--no-access-log", "--log-level", "warning"]
    uvicorn = [peer("uvicorn"), *common, "--http", "httptools"]
    granian = [peer("granian"), *common]

    same_program("Tornado", python, "tornado", "asyncio")
    if compiled:
        switch = {"WHIRLWIND_EXTENSIONS": "1"}
        same_program("Whirlwind", sys.executable, "whirlwind", "uvloop", **switch)
        same_program("Whirlwind, asyncio", sys.executable, "whirlwind", "asyncio", **switch)
    switch = {"WHIRLWIND_EXTENSIONS": "0"}
    same_program("Whirlwind, plain Python", sys.executable, "whirlwind", "uvloop", **switch)
    add("aiohttp", EVERYTHING, python, "aiohttp_app.py", "{port}")
    add("uvicorn + Starlette", EVERYTHING, *uvicorn, "starlette_app:app")
    add("uvicorn + FastAPI", TYPED, *uvicorn, "fastapi_app:app")
    if compiled:
        # On the peers' Python: the same frameworks under both servers.
        serve = (python, "-m", "whirlwind", "serve", "--port", "{port}", "--log-level", "warning")
        switch = {"WHIRLWIND_EXTENSIONS": "1", "PYTHONPATH": str(SOURCES)}
        add("Whirlwind + Starlette", EVERYTHING, *serve, "starlette_app:app", **switch)
        add("Whirlwind + FastAPI", TYPED, *serve, "fastapi_app:app", **switch)
    add("uvicorn, raw ASGI", RAW, *uvicorn, "asgi_raw:app")
    add("granian, raw RSGI", RAW, *granian, "--interface", "rsgi", "rsgi_raw:app")
    add("granian + BlackSheep", ROUTED, *granian, "--interface", "asgi", "blacksheep_app:app")
    add("socketify", RAW, python, "socketify_app.py", "{port}")
    if shutil.which("nginx"):
        add("nginx", (*RAW, "json", "static"), "./nginx.sh", "{port}")
    return table
