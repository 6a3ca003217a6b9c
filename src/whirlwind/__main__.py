"""``python -m whirlwind``: the command ``whirlwind``."""

import sys

from whirlwind.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
