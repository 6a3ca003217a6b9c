"""Public names: objects built in private modules that users meet under a public module's name."""


def claim(module: str, *objects: object) -> None:
    """Give each class or function the public module it is exported from as its ``__module__``.

    Tracebacks, reprs, pickles and documentation then show ``whirlwind.web.RequestHandler`` whatever
    file holds the class.

    :arg module: dotted name of the public module.
    :arg objects: classes and functions; anything else that refuses the attribute is an error.
    """
    for item in objects:
        item.__module__ = module
