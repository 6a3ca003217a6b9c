"""The command line."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

from whirlwind._version import VERSION
from whirlwind.cli import settings
from whirlwind.cli.errors import CommandError

_DESCRIPTION: Final = "Serve an application, show its routes, or begin a project."


class _Parser(argparse.ArgumentParser):
    """Complains in one line."""

    def error(self, message: str) -> NoReturn:
        raise CommandError(message)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command ``whirlwind``.

    :arg arguments: the command line after the command's name; ``sys.argv`` by default.
    :returns: the exit status: 0, 1 when the application failed, 2 for bad input.
    """
    name = "whirlwind"
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser(name)
    try:
        if not given:
            parser.print_help(sys.stderr)
            return 2
        found = parser.parse_args(given)
        name = f"{name} {found.command}"
        return _run(found)
    except CommandError as error:
        print(error.details + f"{name}: error: {error.message}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        return 130  # what a shell reports of a program that Ctrl-C has ended


def _parser(name: str) -> argparse.ArgumentParser:
    parser = _Parser(prog=name, allow_abbrev=False, description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"whirlwind {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", allow_abbrev=False, help="serve an application")
    settings.add_arguments(serve)
    routes = commands.add_parser("routes", allow_abbrev=False, help="show where paths lead")
    routes.add_argument("app", metavar="package.module:app", help="the application or its factory")
    new = commands.add_parser("new", allow_abbrev=False, help="make a project to start from")
    new.add_argument("folder", metavar="NAME", help="name of the project and of its folder")
    return parser


def _run(found: argparse.Namespace) -> int:
    # Imported here: complaints about the command line need none of it, and `new` little.
    if found.command == "new":
        from whirlwind.cli.new import new

        new(found.folder)
    elif found.command == "routes":
        from whirlwind.cli.routes import print_routes
        from whirlwind.ioloop import run

        run(print_routes(found.app))
    else:
        from whirlwind.cli.serve import serve

        return serve(settings.settle(vars(found), os.environ))
    return 0
