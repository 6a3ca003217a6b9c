"""The command ``whirlwind``: serve an application, show its routes, begin a project."""

__all__: list[str] = []
