# The loops of lines.py in C. What is written is what was measured before, by the same objects.

cdef extern from *:
    """
    #include <string.h>

    #if defined(CYTHON_COMPILING_IN_CPYTHON) && CYTHON_COMPILING_IN_CPYTHON && \
        !defined(Py_GIL_DISABLED)

    /* The characters of a plain str that are one byte each, or -1. */
    static Py_ssize_t whirlwind_latin1_size(PyObject *text) {
        if (!PyUnicode_CheckExact(text)) return -1;
    #if PY_VERSION_HEX < 0x030C0000
        if (PyUnicode_READY(text) < 0) {
            PyErr_Clear();
            return -1;
        }
    #endif
        if (PyUnicode_KIND(text) != PyUnicode_1BYTE_KIND) return -1;
        return PyUnicode_GET_LENGTH(text);
    }

    static char *whirlwind_put(char *to, PyObject *text) {
        const Py_ssize_t size = PyUnicode_GET_LENGTH(text);
        memcpy(to, PyUnicode_1BYTE_DATA(text), (size_t)size);
        return to + size;
    }

    /* How many fields are kept on the stack between measuring and writing. */
    #define WHIRLWIND_MOST_FIELDS 64

    static PyObject *whirlwind_message(PyObject *start, PyObject *table, PyObject *last,
                                       PyObject *body, int is_open) {
        PyObject *texts[2 * WHIRLWIND_MOST_FIELDS], *name, *value, *result;
        Py_ssize_t one, other, i, count = 0, pos = 0, total = 2;
        char *to;
        if (!PyDict_CheckExact(table) || !PyBytes_CheckExact(body)) Py_RETURN_NONE;
        if (PyDict_GET_SIZE(table) > WHIRLWIND_MOST_FIELDS) Py_RETURN_NONE;
        if ((one = whirlwind_latin1_size(start)) < 0) Py_RETURN_NONE;
        if ((other = whirlwind_latin1_size(last)) < 0) Py_RETURN_NONE;
        total += one + other + PyBytes_GET_SIZE(body);
        /* Nothing that follows runs Python code, so what the dict holds stays where it is. */
        while (count < 2 * WHIRLWIND_MOST_FIELDS && PyDict_Next(table, &pos, &name, &value)) {
            if ((one = whirlwind_latin1_size(name)) < 0) Py_RETURN_NONE;
            if ((other = whirlwind_latin1_size(value)) < 0) Py_RETURN_NONE;
            if (one > PY_SSIZE_T_MAX / 4 || other > PY_SSIZE_T_MAX / 4 ||
                total > PY_SSIZE_T_MAX / 4) Py_RETURN_NONE;
            if (is_open && ((one == 10 && memcmp(PyUnicode_1BYTE_DATA(name), "Connection", 10) == 0)
                    || (one == 17
                        && memcmp(PyUnicode_1BYTE_DATA(name), "Transfer-Encoding", 17) == 0)))
                Py_RETURN_NONE;
            total += one + other + 4;
            texts[count++] = name;
            texts[count++] = value;
        }
        result = PyBytes_FromStringAndSize(NULL, total);
        if (result == NULL) return NULL;
        to = whirlwind_put(PyBytes_AS_STRING(result), start);
        for (i = 0; i < count; i += 2) {
            to = whirlwind_put(to, texts[i]);
            *to++ = ':';
            *to++ = ' ';
            to = whirlwind_put(to, texts[i + 1]);
            *to++ = 13;
            *to++ = 10;
        }
        to = whirlwind_put(to, last);
        *to++ = 13;
        *to++ = 10;
        memcpy(to, PyBytes_AS_STRING(body), (size_t)PyBytes_GET_SIZE(body));
        return result;
    }
    #else
    static PyObject *whirlwind_message(PyObject *start, PyObject *table, PyObject *last,
                                       PyObject *body, int is_open) {
        (void)start; (void)table; (void)last; (void)body; (void)is_open;
        Py_RETURN_NONE;
    }
    #endif
    """
    object whirlwind_message(object start, object table, object last, object body, int is_open)


cdef inline object message(str start_line, dict table, str last, bytes body, bint is_open):
    return whirlwind_message(start_line, table, last, body, is_open)
