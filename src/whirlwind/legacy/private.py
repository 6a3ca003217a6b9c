"""Private names of Tornado 4 that programs have come to use."""

import importlib
import ssl
from typing import Any

from whirlwind import simple_httpclient
from whirlwind.legacy.installing import replace
from whirlwind.legacy.warning import warn


def _default_ca_certs() -> str | None:
    """The file of the certificates that clients trust (pynsq asks for it)."""
    warn("simple_httpclient._default_ca_certs", "leave ca_certs out, the system's are the default")
    try:
        certifi: Any = importlib.import_module("certifi")
    except ImportError:
        return ssl.get_default_verify_paths().cafile
    where: str = certifi.where()
    return where


def install() -> None:
    """Put them where they were."""
    replace(simple_httpclient, "_default_ca_certs", _default_ca_certs)
