"""``python -m whirlwind.testing``: run the tests named on the command line."""

import sys

from whirlwind.testing import main

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("Name the tests to run, for instance package.tests.test_web.HelloTest")
    main()
