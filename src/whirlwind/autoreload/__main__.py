"""``python -m whirlwind.autoreload``: run a script again whenever its source changes."""

import os
import sys

if __name__ == "__main__":
    # Run by its path, Python puts this very folder first where the script looks for its modules.
    if sys.path and os.path.realpath(sys.path[0]) == os.path.realpath(os.path.dirname(__file__)):
        del sys.path[0]

    from whirlwind.autoreload import main

    main()
