"""``python -m whirlwind.as_tornado``: run a program with Whirlwind in Tornado's place."""

from whirlwind.as_tornado.program import main

if __name__ == "__main__":
    main()
