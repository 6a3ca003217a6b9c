"""Run each scenario, and print what came of it.

usage: python -m tests.differential.scenarios PACKAGE [asyncio]

Prints a JSON object: name of each scenario to its outcome, on the package's own kind of loop or on
a standard one. `test_scenarios.py` runs this on Whirlwind and on Tornado and compares.
"""

import importlib
import json
import logging
import warnings

from tests.differential.scenarios.tools import (
    SCENARIOS,
    Keep,
    run,
)

#: The subjects; each adds its scenarios to those there are.
SUBJECTS = ("coroutines", "loops", "streams")


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.DEBUG)
    root = logging.getLogger()
    root.addHandler(Keep())
    root.setLevel(logging.INFO)
    for subject in SUBJECTS:
        importlib.import_module(f"tests.differential.scenarios.{subject}")
    print(json.dumps({name: run(name) for name in SCENARIOS}))


if __name__ == "__main__":
    main()
