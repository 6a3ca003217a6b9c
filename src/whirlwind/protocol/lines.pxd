# The loops of lines.py in C. What is written is checked against the room that is left each time.

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

    /* Copy a text that whirlwind_latin1_size has accepted; NULL when there is no room for it. */
    static char *whirlwind_put(char *to, const char *end, PyObject *text) {
        Py_ssize_t size = PyUnicode_GET_LENGTH(text);
        if (to == NULL || size > end - to) return NULL;
        memcpy(to, PyUnicode_1BYTE_DATA(text), (size_t)size);
        return to + size;
    }

    static char *whirlwind_put_pair(char *to, const char *end, char one, char other) {
        if (to == NULL || end - to < 2) return NULL;
        to[0] = one;
        to[1] = other;
        return to + 2;
    }

    static PyObject *whirlwind_message(PyObject *start, PyObject *table, PyObject *last,
                                       PyObject *body) {
        Py_ssize_t one, other, pos = 0, total = 2;
        PyObject *name, *value, *result;
        char *to;
        const char *end;
        if (!PyDict_CheckExact(table) || !PyBytes_CheckExact(body)) Py_RETURN_NONE;
        if ((one = whirlwind_latin1_size(start)) < 0) Py_RETURN_NONE;
        if ((other = whirlwind_latin1_size(last)) < 0) Py_RETURN_NONE;
        total += one + other + PyBytes_GET_SIZE(body);
        while (PyDict_Next(table, &pos, &name, &value)) {
            if ((one = whirlwind_latin1_size(name)) < 0) Py_RETURN_NONE;
            if ((other = whirlwind_latin1_size(value)) < 0) Py_RETURN_NONE;
            if (one > PY_SSIZE_T_MAX / 4 || other > PY_SSIZE_T_MAX / 4 ||
                total > PY_SSIZE_T_MAX / 4) Py_RETURN_NONE;
            total += one + other + 4;
        }
        result = PyBytes_FromStringAndSize(NULL, total);
        if (result == NULL) return NULL;
        to = PyBytes_AS_STRING(result);
        end = to + total;
        pos = 0;
        to = whirlwind_put(to, end, start);
        while (to != NULL && PyDict_Next(table, &pos, &name, &value)) {
            to = whirlwind_put(to, end, name);
            to = whirlwind_put_pair(to, end, ':', ' ');
            to = whirlwind_put(to, end, value);
            to = whirlwind_put_pair(to, end, '\\r', '\\n');
        }
        to = whirlwind_put(to, end, last);
        to = whirlwind_put_pair(to, end, '\\r', '\\n');
        if (to == NULL || end - to != PyBytes_GET_SIZE(body)) {
            Py_DECREF(result);
            Py_RETURN_NONE;
        }
        memcpy(to, PyBytes_AS_STRING(body), (size_t)PyBytes_GET_SIZE(body));
        return result;
    }
    #else
    static PyObject *whirlwind_message(PyObject *start, PyObject *table, PyObject *last,
                                       PyObject *body) {
        (void)start; (void)table; (void)last; (void)body;
        Py_RETURN_NONE;
    }
    #endif
    """
    object whirlwind_message(object start, object table, object last, object body)


cdef inline object message(str start_line, dict table, str last, bytes body):
    return whirlwind_message(start_line, table, last, body)
