"""Templates: text with Python in it, compiled to Python."""

from whirlwind.template.errors import ParseError
from whirlwind.template.loaders import BaseLoader, DictLoader, Loader
from whirlwind.template.template import Template
from whirlwind.template.whitespace import filter_whitespace

__all__ = [
    "BaseLoader",
    "DictLoader",
    "Loader",
    "ParseError",
    "Template",
    "filter_whitespace",
]
