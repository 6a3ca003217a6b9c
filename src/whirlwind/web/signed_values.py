"""Values that a client may keep but not change: text with a time and a signature.

The formats are Tornado's, so that values signed by either are understood by the other. Version 2::

    2|<key version>|<time>|<name>|<base64 of the value>|<HMAC-SHA256 in hex>

Each field between the first and the last is written ``<length>:<field>``, and everything before the
signature is signed, so no byte can move from one field to another. Version 1 is
``<base64>|<time>|<HMAC-SHA1 in hex>`` over the name and the two fields without separators; it can
still be read. A signed value can be read by anybody: it is authentic, not secret.
"""

import binascii
import functools
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from typing import Final

from whirlwind._public import claim
from whirlwind.escape import utf8
from whirlwind.log import gen_log

#: Oldest version that `decode_signed_value` understands.
MIN_SUPPORTED_SIGNED_VALUE_VERSION: Final = 1
#: Newest version that it understands.
MAX_SUPPORTED_SIGNED_VALUE_VERSION: Final = 2
#: Version that `create_signed_value` writes unless told otherwise.
DEFAULT_SIGNED_VALUE_VERSION: Final = 2
#: Oldest version that `decode_signed_value` accepts unless told otherwise.
DEFAULT_SIGNED_VALUE_MIN_VERSION: Final = 1

#: One key, or keys by their version.
Secret = str | bytes | Mapping[int, str] | Mapping[int, bytes] | Mapping[int, str | bytes]

_DAY: Final = 86400
#: How far ahead the time of a version 1 value may lie. Digits at the end of its base64 text could
#: be moved to the front of the time without a change of the signature; they would put it far ahead.
_V1_FUTURE: Final = 31 * _DAY

#: RFC 2104 section 2: the block of the hash, in bytes, and what a key is combined with.
_BLOCK: Final = 64
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))

#: Digits in which a client may write the time of a version 1 value: int() is quadratic.
_MAX_DIGITS: Final = 20
#: A version 2 value up to its name, which may hold any bytes, and from there to its signature. All
#: other fields have only their own characters, so that a value can be divided in one way only.
_BEFORE_THE_NAME: Final = re.compile(
    rb"2\|([0-9]{1,9}):(-?[0-9]{1,20})\|([0-9]{1,9}):(-?[0-9]{1,20})\|([0-9]{1,9}):"
)
_AFTER_THE_NAME: Final = re.compile(rb"\|([0-9]{1,9}):([A-Za-z0-9+/=]*)\|")


def create_signed_value(
    secret: Secret,
    name: str | bytes,
    value: str | bytes,
    version: int | None = None,
    clock: Callable[[], float] | None = None,
    key_version: int | None = None,
) -> bytes:
    """Sign a value together with a name and the present time.

    :arg secret: the key; or a dict of keys by version, of which ``key_version`` names one.
    :arg name: what the value is for; it cannot be passed off as the value of another name.
    :arg value: str (as UTF-8) or bytes, any bytes.
    :arg version: of the format, 1 or 2, by default ``DEFAULT_SIGNED_VALUE_VERSION``.
    :arg clock: replaces ``time.time``: seconds since the epoch.
    :arg key_version: number of the key; version 2 values state it even if there is one key.
    :returns: ASCII bytes (with an ASCII name).
    :raises ValueError: an unknown version, or keys by version without ``key_version``.
    :raises KeyError: there is no key of that version.
    """
    if version is None:
        version = DEFAULT_SIGNED_VALUE_VERSION
    timestamp = b"%d" % int((clock or time.time)())
    encoded = binascii.b2a_base64(utf8(value), newline=False)
    if version == 1:
        if not isinstance(secret, (str, bytes)):
            raise ValueError("signed values of version 1 have no key version: give a single secret")
        signature = signature_v1(secret, name, encoded, timestamp)
        return b"|".join((encoded, timestamp, signature))
    if version != 2:
        raise ValueError(f"unsupported version of signed values: {version!r}")
    if not isinstance(secret, (str, bytes)):
        if key_version is None:
            raise ValueError("key_version must say which key of the secret signs")
        if key_version not in secret:
            raise KeyError(f"secret has no key of version {key_version!r}")
        secret = secret[key_version]
    key = b"%d" % (key_version or 0)
    name = utf8(name)
    signed = b"2|%d:%b|%d:%b|%d:%b|%d:%b|" % (
        *(len(key), key, len(timestamp), timestamp),
        *(len(name), name, len(encoded), encoded),
    )
    return signed + signature_v2(secret, signed)


def decode_signed_value(
    secret: Secret,
    name: str | bytes,
    value: str | bytes | None,
    max_age_days: float = 31,
    clock: Callable[[], float] | None = None,
    min_version: int | None = None,
) -> bytes | None:
    """Read a signed value, if it is authentic and not too old.

    Whatever a client made of it is no error here: everything that does not verify is None.

    :arg secret: as it was for :func:`create_signed_value`; of several keys, the one whose version
        the value states is tried.
    :arg name: the name it was signed with.
    :arg value: the signed value; None and empty values are None.
    :arg max_age_days: days after which it is of no use any more.
    :arg clock: replaces ``time.time``.
    :arg min_version: refuse older formats, by default ``DEFAULT_SIGNED_VALUE_MIN_VERSION``.
    :returns: the value as bytes, or None.
    :raises ValueError: ``min_version`` is newer than any known version.
    """
    if min_version is None:
        min_version = DEFAULT_SIGNED_VALUE_MIN_VERSION
    if min_version > MAX_SUPPORTED_SIGNED_VALUE_VERSION:
        raise ValueError(f"unsupported min_version of signed values: {min_version!r}")
    data = _as_bytes(value)
    if not data:
        return None
    # All timestamps are compared with one moment.
    now = (clock or time.time)()
    oldest = now - max_age_days * _DAY
    # No version 1 value begins like this: base64 text has four characters or none.
    if data.startswith(b"2|"):
        return _decode_v2(secret, utf8(name), data, oldest)
    if min_version > 1 or not isinstance(secret, (str, bytes)):
        return None
    return _decode_v1(secret, name, data, oldest, now + _V1_FUTURE)


def get_signature_key_version(value: str | bytes) -> int | None:
    """The version of the key that a value says it was signed with; nothing is verified.

    :arg value: a signed value.
    :returns: the version; None if it states none, as version 1 does, or is malformed.
    """
    data = _as_bytes(value)
    fields = _split_v2(data) if data else None
    return None if fields is None else fields[0]


def signature_v1(secret: str | bytes, *parts: str | bytes) -> bytes:
    """The version 1 signature, in hex, of parts one after the other."""
    mac = hmac.new(utf8(secret), digestmod=hashlib.sha1)
    for part in parts:
        mac.update(utf8(part))
    return mac.hexdigest().encode("ascii")


def signature_v2(secret: str | bytes, signed: bytes) -> bytes:
    """The version 2 signature, in hex."""
    inner, outer = _keyed(secret)
    inner = inner.copy()
    inner.update(signed)
    outer = outer.copy()
    outer.update(inner.digest())
    return outer.hexdigest().encode("ascii")


@functools.lru_cache(maxsize=16)
def _keyed(secret: str | bytes) -> tuple["hashlib._Hash", "hashlib._Hash"]:
    """The two hashes of HMAC-SHA256 (RFC 2104 section 2) that have taken the key in.

    That is half of the work for a short value, and copies of two hashes cost a third of what a copy
    of an object of :mod:`hmac` does.
    """
    key = utf8(secret)
    if len(key) > _BLOCK:
        key = hashlib.sha256(key).digest()
    key = key.ljust(_BLOCK, b"\0")
    return hashlib.sha256(key.translate(_INNER)), hashlib.sha256(key.translate(_OUTER))


def _as_bytes(value: str | bytes | None) -> bytes | None:
    """A value as bytes; None where text can not be."""
    try:
        return utf8(value)
    except UnicodeEncodeError:
        return None


def _decode_v1(
    secret: str | bytes, name: str | bytes, data: bytes, oldest: float, newest: float
) -> bytes | None:
    parts = data.split(b"|", 3)
    if len(parts) != 3:
        return None
    encoded, timestamp, signature = parts
    if not hmac.compare_digest(signature, signature_v1(secret, name, encoded, timestamp)):
        gen_log.warning("Invalid cookie signature: %.60r", name)
        return None
    seconds = _integer(timestamp)
    if seconds is None:
        return None
    # Names in the log, not values: a value that only seems too new could still be used.
    if seconds < oldest:
        gen_log.warning("Expired cookie: %.60r", name)
        return None
    if seconds > newest:
        gen_log.warning("Cookie timestamp in future: %.60r", name)
        return None
    if timestamp.startswith(b"0"):
        gen_log.warning("Tampered cookie: the time of %.60r begins with a zero", name)
        return None
    return _from_base64(encoded)


def _decode_v2(secret: Secret, name: bytes, data: bytes, oldest: float) -> bytes | None:
    fields = _split_v2(data)
    if fields is None:
        return None
    key_version, seconds, signed_name, encoded, signature, signed = fields
    if not isinstance(secret, (str, bytes)):
        if key_version not in secret:
            return None
        secret = secret[key_version]
    if not hmac.compare_digest(signature, signature_v2(secret, signed)):
        return None
    if signed_name != name or seconds < oldest:
        return None
    return _from_base64(encoded)


def _split_v2(data: bytes) -> tuple[int, int, bytes, bytes, bytes, bytes] | None:
    """Key version, time, name, base64 text, signature, and what is signed."""
    before = _BEFORE_THE_NAME.match(data)
    if before is None:
        return None
    key_length, key, time_length, timestamp, name_length = before.groups()
    start = before.end()
    end = start + int(name_length)
    after = _AFTER_THE_NAME.match(data, end)
    if after is None:
        return None
    length, encoded = after.groups()
    if (int(key_length), int(time_length), int(length)) != (len(key), len(timestamp), len(encoded)):
        return None
    signed = after.end()
    return int(key), int(timestamp), data[start:end], encoded, data[signed:], data[:signed]


def _integer(text: bytes) -> int | None:
    digits = text.removeprefix(b"-")
    return int(text) if digits.isdigit() and len(digits) <= _MAX_DIGITS else None


def _from_base64(text: bytes) -> bytes | None:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        return None


claim("whirlwind.web", create_signed_value, decode_signed_value, get_signature_key_version)
