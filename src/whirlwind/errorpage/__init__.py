"""What a developer sees of an error: a page for browsers, JSON for programs, else the traceback.

`RequestHandler.write_error` uses this with the setting ``serve_traceback``, which ``debug`` turns
on. A page shows source code, local variables and the request: never serve it to strangers.
"""

from whirlwind._public import claim
from whirlwind.errorpage.forms import error_document

__all__ = ["error_document"]

claim(__name__, error_document)
