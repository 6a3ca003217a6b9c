"""Whirlwind: Tornado's API on a fast engine."""

from whirlwind._build import apply_extension_switch, implementation

apply_extension_switch()

from whirlwind._version import VERSION as version  # noqa: E402

__all__ = ["implementation", "version"]
