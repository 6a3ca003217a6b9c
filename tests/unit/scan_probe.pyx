# The inlined scanners of whirlwind/protocol/scan.pxd, within reach of Python.

cimport whirlwind.protocol.scan as scan


def span_token(bytes data, Py_ssize_t pos, Py_ssize_t end):
    return scan.span_token(data, pos, end)


def span_value(bytes data, Py_ssize_t pos, Py_ssize_t end):
    return scan.span_value(data, pos, end)


def span_target(bytes data, Py_ssize_t pos, Py_ssize_t end):
    return scan.span_target(data, pos, end)


def span_host(bytes data, Py_ssize_t pos, Py_ssize_t end):
    return scan.span_host(data, pos, end)


def span_digits(bytes data, Py_ssize_t pos, Py_ssize_t end):
    return scan.span_digits(data, pos, end)


def span_hex(bytes data, Py_ssize_t pos, Py_ssize_t end):
    return scan.span_hex(data, pos, end)


def field_id(bytes data, Py_ssize_t pos, Py_ssize_t end):
    return scan.field_id(data, pos, end)


def head_end(bytes data, Py_ssize_t pos):
    return scan.head_end(data, pos)


def find_line(bytes data, bytes line, Py_ssize_t pos):
    return scan.find_line(data, line, pos)


def is_printable(str text):
    return scan.is_printable(text)


def method_id(bytes data, Py_ssize_t pos, Py_ssize_t end):
    return scan.method_id(data, pos, end)


def minor_version(bytes data, Py_ssize_t pos):
    return scan.minor_version(data, pos)


def is_same(bytes data, Py_ssize_t pos, Py_ssize_t end, bytes other):
    return scan.is_same(data, pos, end, other)


def find_char(str text, str char):
    return scan.find_char(text, <Py_UCS4>ord(char))
