"""Restart the program when one of its source files changes.

``Application(..., debug=True)`` or ``autoreload=True`` starts it, and so does `start`. The whole
process is replaced: requests under way are lost. It is meant for one process; children of
`process.fork_processes` are left alone.

``python -m whirlwind.autoreload script.py`` runs a script under it, see `main`. Both go together
well: the wrapper takes over when the program does not get as far as serving, for instance because
of a syntax error.

Where the package ``watchfiles`` is installed (extra ``reload``), the system reports changes at
once; elsewhere the files are looked at twice a second.
"""

from whirlwind._public import claim
from whirlwind.autoreload.command import main
from whirlwind.autoreload.control import start, wait, watch
from whirlwind.autoreload.restart import _reload as _reload  # tests written for Tornado call it
from whirlwind.autoreload.restart import add_reload_hook

__all__ = ["add_reload_hook", "main", "start", "wait", "watch"]

claim("whirlwind.autoreload", add_reload_hook, main, start, wait, watch)
