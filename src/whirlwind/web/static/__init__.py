"""`StaticFileHandler`: files of a directory, with versions, ranges and conditional requests."""

from whirlwind.web.static.handler import StaticFileHandler

__all__ = ["StaticFileHandler"]
