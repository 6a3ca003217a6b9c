"""Makes ``tornado.test`` importable in processes that have Whirlwind as ``tornado``.

Imported when a child of a test starts, and by the worker itself. ``TORNADO_TEST`` names the folder.
"""

import os
import sys


def offer_suite() -> None:
    """Put the package ``tornado.test``, of which there is nothing else, beside our modules."""
    from importlib.util import module_from_spec, spec_from_file_location

    folder = os.environ["TORNADO_TEST"]
    spec = spec_from_file_location(
        "tornado.test", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    package = module_from_spec(spec)
    sys.modules["tornado.test"] = sys.modules["tornado"].test = package


if __name__ == "sitecustomize" and "tornado" in sys.modules and "TORNADO_TEST" in os.environ:
    offer_suite()
