"""TLS contexts for the options of requests, each made once."""

from __future__ import annotations

import os
import ssl
from typing import Any

from whirlwind.netutil import _client_ssl_defaults, naming_files, ssl_options_to_context
from whirlwind.protocol.limits import MAX_TLS_CONTEXTS

_contexts: dict[tuple[Any, ...], ssl.SSLContext] = {}


def context_for(
    validate_cert: bool,
    ca_certs: str | None,
    client_key: str | None,
    client_cert: str | None,
    ssl_options: dict[str, Any] | ssl.SSLContext | None,
) -> ssl.SSLContext:
    """The context for these attributes of an `HTTPRequest`.

    :raises OSError: a file cannot be read (``ssl.SSLError`` when it is no certificate or key).
    """
    if isinstance(ssl_options, ssl.SSLContext):
        return ssl_options
    if ssl_options is None and validate_cert and not (ca_certs or client_cert or client_key):
        return _client_ssl_defaults()
    key = (validate_cert, ca_certs, client_key, client_cert) if ssl_options is None else ()
    key += identity(ca_certs, client_key, client_cert, ssl_options)
    found = _contexts.get(key)
    if found is None:
        if ssl_options is not None:
            found = ssl_options_to_context(ssl_options, server_side=False)
        else:
            found = _make(validate_cert, ca_certs, client_key, client_cert)
        if len(_contexts) >= MAX_TLS_CONTEXTS:
            _contexts.clear()
        _contexts[key] = found
    return found


def _make(
    validate_cert: bool, ca_certs: str | None, client_key: str | None, client_cert: str | None
) -> ssl.SSLContext:
    if validate_cert:
        with naming_files(ca_certs):
            context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca_certs)
    else:
        # No roots are loaded that nothing would be checked against: that takes 20 ms.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.options |= ssl.OP_NO_COMPRESSION
        if ca_certs:
            with naming_files(ca_certs):
                context.load_verify_locations(ca_certs)
    if client_cert:
        with naming_files(client_cert, client_key):
            context.load_cert_chain(client_cert, client_key)
    return context


def identity(
    ca_certs: str | None,
    client_key: str | None,
    client_cert: str | None,
    ssl_options: dict[str, Any] | ssl.SSLContext | None,
) -> tuple[Any, ...]:
    """What these options stand for now, to be compared: a certificate file may be renewed."""
    if isinstance(ssl_options, ssl.SSLContext):
        return (ssl_options,)
    files = [ca_certs, client_key, client_cert]
    items: tuple[Any, ...] = ()
    if ssl_options is not None:
        items = tuple(sorted((str(name), repr(value)) for name, value in ssl_options.items()))
        files = [ssl_options.get(name) for name in ("ca_certs", "keyfile", "certfile")]
    return (items, *[file and _stamp(file) for file in files])


def _stamp(file: str) -> tuple[Any, ...]:
    try:
        found = os.stat(file)
    except OSError:
        return (file,)
    return (file, found.st_mtime_ns, found.st_size, found.st_ino)
