# The text of hexed.py written once, rather than as digits first that are copied between quotes.

cdef extern from *:
    """
    static PyObject *whirlwind_quoted_hex(PyObject *data) {
        static const char digits[] = "0123456789abcdef";
        Py_ssize_t i, size = PyBytes_GET_SIZE(data);
        const unsigned char *from = (const unsigned char *)PyBytes_AS_STRING(data);
        PyObject *result;
        char *to;
        if (size > PY_SSIZE_T_MAX / 2 - 2) return PyErr_NoMemory();
        result = PyUnicode_New(2 * size + 2, 127);
        if (result == NULL) return NULL;
        to = (char *)PyUnicode_DATA(result);
        *to++ = '"';
        for (i = 0; i < size; i++) {
            *to++ = digits[from[i] >> 4];
            *to++ = digits[from[i] & 15];
        }
        *to = '"';
        return result;
    }
    """
    str whirlwind_quoted_hex(bytes data)

cdef enum:
    COMPILED = 1


cdef inline str quoted(bytes data):
    return whirlwind_quoted_hex(data)
