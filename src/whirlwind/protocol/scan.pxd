# The scanners of scan.py as table loops, inlined into the compiled cores. Every function checks its
# bounds against the object before it reads a byte.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

cdef enum:
    OTHER = 0
    HOST = 1
    CONTENT_LENGTH = 2
    TRANSFER_ENCODING = 3
    CONNECTION = 4
    EXPECT = 5
    UPGRADE = 6
    CONTENT_TYPE = 7
    IF_NONE_MATCH = 8
    CONTENT_ENCODING = 9
    RANGE = 10
    IF_MODIFIED_SINCE = 11
    ACCEPT_ENCODING = 12

cdef enum:
    CONNECT = 8


cdef extern from *:
    """
    /* bit 1 token, 2 value, 4 target, 8 host, 16 digit, 32 hexadecimal digit: CLASSES of scan.py */
    static const unsigned char whirlwind_class[256] = {
     0,  0,  0,  0,  0,  0,  0,  0,  0,  2,  0,  0,  0,  0,  0,  0,
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
     2, 15,  6,  3, 15, 15, 15, 15, 14, 14, 15, 15,  6, 15, 15,  6,
    63, 63, 63, 63, 63, 63, 63, 63, 63, 63,  6, 14,  6, 14,  6,  6,
     6, 47, 47, 47, 47, 47, 47, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,  6,  6,  6,  7, 15,
     7, 47, 47, 47, 47, 47, 47, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,  6,  7,  6, 15,  0,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2
    };
    static Py_ssize_t whirlwind_span(const unsigned char *p, Py_ssize_t pos, Py_ssize_t end,
                                     unsigned char bit) {
        while (pos < end && (whirlwind_class[p[pos]] & bit)) pos++;
        return pos;
    }
    static int whirlwind_same(const unsigned char *p, const char *lower, Py_ssize_t size) {
        for (Py_ssize_t i = 0; i < size; i++) {
            unsigned char c = p[i];
            if (c >= 'A' && c <= 'Z') c |= 0x20;
            if (c != (unsigned char)lower[i]) return 0;
        }
        return 1;
    }
    """
    Py_ssize_t whirlwind_span(const unsigned char *p, Py_ssize_t pos, Py_ssize_t end,
                              unsigned char bit) noexcept nogil
    int whirlwind_same(const unsigned char *p, const char *lower, Py_ssize_t size) noexcept nogil


cdef inline Py_ssize_t _span(bytes data, Py_ssize_t pos, Py_ssize_t end,
                             unsigned char bit) noexcept:
    if data is None or pos < 0 or pos >= end:
        return pos
    if end > PyBytes_GET_SIZE(data):
        end = PyBytes_GET_SIZE(data)
    return whirlwind_span(<const unsigned char *>PyBytes_AS_STRING(data), pos, end, bit)


cdef inline Py_ssize_t span_token(bytes data, Py_ssize_t pos, Py_ssize_t end) noexcept:
    return _span(data, pos, end, 1)


cdef inline Py_ssize_t span_value(bytes data, Py_ssize_t pos, Py_ssize_t end) noexcept:
    return _span(data, pos, end, 2)


cdef inline Py_ssize_t span_target(bytes data, Py_ssize_t pos, Py_ssize_t end) noexcept:
    return _span(data, pos, end, 4)


cdef inline Py_ssize_t span_host(bytes data, Py_ssize_t pos, Py_ssize_t end) noexcept:
    return _span(data, pos, end, 8)


cdef inline Py_ssize_t span_digits(bytes data, Py_ssize_t pos, Py_ssize_t end) noexcept:
    return _span(data, pos, end, 16)


cdef inline Py_ssize_t span_hex(bytes data, Py_ssize_t pos, Py_ssize_t end) noexcept:
    return _span(data, pos, end, 32)


cdef inline int field_id(bytes data, Py_ssize_t pos, Py_ssize_t end) noexcept:
    cdef Py_ssize_t size = end - pos
    cdef const unsigned char *name
    if data is None or pos < 0 or size <= 0 or end > PyBytes_GET_SIZE(data):
        return 0
    name = <const unsigned char *>PyBytes_AS_STRING(data) + pos
    if size == 4:
        return 1 if whirlwind_same(name, b"host", 4) else 0
    if size == 5:
        return 10 if whirlwind_same(name, b"range", 5) else 0
    if size == 6:
        return 5 if whirlwind_same(name, b"expect", 6) else 0
    if size == 7:
        return 6 if whirlwind_same(name, b"upgrade", 7) else 0
    if size == 10:
        return 4 if whirlwind_same(name, b"connection", 10) else 0
    if size == 12:
        return 7 if whirlwind_same(name, b"content-type", 12) else 0
    if size == 13:
        return 8 if whirlwind_same(name, b"if-none-match", 13) else 0
    if size == 14:
        return 2 if whirlwind_same(name, b"content-length", 14) else 0
    if size == 15:
        return 12 if whirlwind_same(name, b"accept-encoding", 15) else 0
    if size == 16:
        return 9 if whirlwind_same(name, b"content-encoding", 16) else 0
    if size == 17:
        if whirlwind_same(name, b"transfer-encoding", 17):
            return 3
        return 11 if whirlwind_same(name, b"if-modified-since", 17) else 0
    return 0


cdef extern from *:
    """
    #include <string.h>
    static int whirlwind_method(const char *p, Py_ssize_t size) {
        switch (size) {
            case 3: return memcmp(p, "GET", 3) == 0 ? 1 : memcmp(p, "PUT", 3) == 0 ? 4 : 0;
            case 4: return memcmp(p, "POST", 4) == 0 ? 3 : memcmp(p, "HEAD", 4) == 0 ? 2 : 0;
            case 5: return memcmp(p, "PATCH", 5) == 0 ? 6 : memcmp(p, "TRACE", 5) == 0 ? 9 : 0;
            case 6: return memcmp(p, "DELETE", 6) == 0 ? 5 : 0;
            case 7:
                return memcmp(p, "OPTIONS", 7) == 0 ? 7 : memcmp(p, "CONNECT", 7) == 0 ? 8 : 0;
            default: return 0;
        }
    }
    static int whirlwind_minor(const char *p) {
        if (memcmp(p, "HTTP/1.", 7) != 0 || p[8] != 13 || p[9] != 10) return -1;
        return p[7] == '1' ? 1 : p[7] == '0' ? 0 : -1;
    }
    """
    int whirlwind_method(const char *p, Py_ssize_t size) noexcept nogil
    int whirlwind_minor(const char *p) noexcept nogil
    int memcmp(const void *one, const void *other, size_t size) noexcept nogil


cdef inline int method_id(bytes data, Py_ssize_t pos, Py_ssize_t end) noexcept:
    if data is None or pos < 0 or end <= pos or end > PyBytes_GET_SIZE(data):
        return 0
    return whirlwind_method(PyBytes_AS_STRING(data) + pos, end - pos)


cdef inline int minor_version(bytes data, Py_ssize_t pos) noexcept:
    if data is None or pos < 0 or pos > PyBytes_GET_SIZE(data) - 10:
        return -1
    return whirlwind_minor(PyBytes_AS_STRING(data) + pos)


cdef inline bint is_same(bytes data, Py_ssize_t pos, Py_ssize_t end, bytes other) noexcept:
    if data is None or other is None or pos < 0:
        return False
    if end > PyBytes_GET_SIZE(data):
        end = PyBytes_GET_SIZE(data)
    if end <= pos:
        return PyBytes_GET_SIZE(other) == 0
    if PyBytes_GET_SIZE(other) != end - pos:
        return False
    return memcmp(PyBytes_AS_STRING(data) + pos, PyBytes_AS_STRING(other), <size_t>(end - pos)) == 0


cdef extern from *:
    """
    static Py_ssize_t whirlwind_find_char(PyObject *text, Py_UCS4 one) {
        if (PyUnicode_IS_COMPACT_ASCII(text)) {
            const char *p = (const char *)PyUnicode_1BYTE_DATA(text);
            const char *found = memchr(p, (int)one, (size_t)PyUnicode_GET_LENGTH(text));
            return found == NULL ? -1 : found - p;
        }
        return PyUnicode_FindChar(text, one, 0, PyUnicode_GET_LENGTH(text), 1);
    }
    """
    Py_ssize_t whirlwind_find_char(object text, Py_UCS4 one) except -2


cdef inline Py_ssize_t find_char(str text, Py_UCS4 one) except -2:
    if text is None:
        raise TypeError("expected str, got None")
    return whirlwind_find_char(text, one)


cdef extern from *:
    """
    static int whirlwind_printable(PyObject *text) {
        const unsigned char *p;
        Py_ssize_t i, size;
        if (!PyUnicode_IS_COMPACT_ASCII(text)) return 0;
        p = (const unsigned char *)PyUnicode_1BYTE_DATA(text);
        size = PyUnicode_GET_LENGTH(text);
        for (i = 0; i < size; i++) {
            if (p[i] < 0x20 || p[i] == 0x7f) return 0;
        }
        return 1;
    }
    """
    int whirlwind_printable(object text) noexcept


cdef inline bint is_printable(str text) noexcept:
    return text is not None and whirlwind_printable(text)


cdef extern from *:
    """
    #include <string.h>
    static Py_ssize_t whirlwind_head_end(const char *p, Py_ssize_t pos, Py_ssize_t size) {
        const char *at = p + pos, *end = p + size;
        while (end - at >= 4 && (at = memchr(at, '\\r', (size_t)(end - at - 3))) != NULL) {
            if (at[1] == '\\n' && at[2] == '\\r' && at[3] == '\\n') return at - p;
            at++;
        }
        return -1;
    }
    """
    Py_ssize_t whirlwind_head_end(const char *p, Py_ssize_t pos, Py_ssize_t size) noexcept nogil


cdef inline Py_ssize_t head_end(bytes data, Py_ssize_t pos) noexcept:
    if data is None or pos < 0 or pos > PyBytes_GET_SIZE(data):
        return -1
    return whirlwind_head_end(PyBytes_AS_STRING(data), pos, PyBytes_GET_SIZE(data))


cdef inline object request_line(bytes data, Py_ssize_t pos):
    return None


cdef extern from *:
    """
    static Py_ssize_t whirlwind_find_line(const char *p, Py_ssize_t pos, Py_ssize_t size,
                                          const char *line, Py_ssize_t length) {
        /* memchr goes through 400 kB of random bytes in 20 us, bytes.find in 150 us. */
        const char *at = p + pos, *end = p + size;
        while (end - at >= length
               && (at = memchr(at, '\\r', (size_t)(end - at - length + 1))) != NULL) {
            if (length == 1 || (at[1] == line[1] && memcmp(at, line, (size_t)length) == 0))
                return at - p;
            at++;
        }
        return -1;
    }
    """
    Py_ssize_t whirlwind_find_line(const char *p, Py_ssize_t pos, Py_ssize_t size,
                                   const char *line, Py_ssize_t length) noexcept nogil


cdef inline Py_ssize_t find_line(bytes data, bytes line, Py_ssize_t pos) noexcept:
    if data is None or line is None or pos < 0 or pos > PyBytes_GET_SIZE(data):
        return -1
    if PyBytes_GET_SIZE(line) == 0:
        return -1
    return whirlwind_find_line(PyBytes_AS_STRING(data), pos, PyBytes_GET_SIZE(data),
                               PyBytes_AS_STRING(line), PyBytes_GET_SIZE(line))


cdef extern from *:
    """
    /* How many characters longer a character becomes as a reference: &amp; &lt; &gt; &quot; &#x27; */
    static const unsigned char whirlwind_growth[128] = {
        ['&'] = 4, ['<'] = 3, ['>'] = 3, ['"'] = 5, [39] = 5 /* 39: ' */
    };
    static PyObject *whirlwind_escape_markup(PyObject *text) {
        const Py_ssize_t size = PyUnicode_GET_LENGTH(text);
        const int kind = PyUnicode_KIND(text);
        const void *from = PyUnicode_DATA(text);
        Py_ssize_t i, at = 0, growth = 0;
        PyObject *result;
        void *to;
        if (kind == PyUnicode_1BYTE_KIND) {
            const unsigned char *p = (const unsigned char *)from;
            for (i = 0; i < size; i++) {
                if (p[i] < 128) growth += whirlwind_growth[p[i]];
            }
        } else {
            for (i = 0; i < size; i++) {
                const Py_UCS4 c = PyUnicode_READ(kind, from, i);
                if (c < 128) growth += whirlwind_growth[c];
            }
        }
        if (growth == 0) {
            Py_INCREF(text);
            return text;
        }
        if (growth > PY_SSIZE_T_MAX - size) return PyErr_NoMemory();
        result = PyUnicode_New(size + growth, PyUnicode_MAX_CHAR_VALUE(text));
        if (result == NULL) return NULL;
        to = PyUnicode_DATA(result);
        for (i = 0; i < size; i++) {
            const Py_UCS4 c = PyUnicode_READ(kind, from, i);
            const char *reference = NULL;
            switch (c) {
                case '&': reference = "&amp;"; break;
                case '<': reference = "&lt;"; break;
                case '>': reference = "&gt;"; break;
                case '"': reference = "&quot;"; break;
                case 39: reference = "&#x27;"; break;
            }
            /* The first pass has counted what is written here. */
            if (reference == NULL) PyUnicode_WRITE(kind, to, at++, c);
            else while (*reference) PyUnicode_WRITE(kind, to, at++, (Py_UCS4)*reference++);
        }
        return result;
    }
    """
    str whirlwind_escape_markup(object text)


cdef inline str escape_markup(str text):
    if text is None:
        raise TypeError("expected str, got None")
    return whirlwind_escape_markup(text)


cdef inline bytes cut(bytes data, Py_ssize_t pos, Py_ssize_t end):
    if data is None or pos < 0 or end <= pos:
        return b""
    if end > PyBytes_GET_SIZE(data):
        end = PyBytes_GET_SIZE(data)
        if end <= pos:
            return b""
    return PyBytes_FromStringAndSize(PyBytes_AS_STRING(data) + pos, end - pos)
