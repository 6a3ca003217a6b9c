from cpython.method cimport PyMethod_Check, PyMethod_GET_FUNCTION
from cpython.object cimport PyObject, PyObject_GenericSetAttr

cdef extern from "Python.h":
    object PyObject_CallMethodNoArgs(object instance, object name)

cdef extern from *:
    """
    #if defined(CYTHON_COMPILING_IN_CPYTHON) && CYTHON_COMPILING_IN_CPYTHON && \
        !defined(Py_GIL_DISABLED) && PY_VERSION_HEX < 0x030F0000
    static unsigned int whirlwind_type_version(PyObject *cls) {
        PyTypeObject *type = (PyTypeObject *)cls;
        if (!PyType_Check(cls)) return 0;
    /* The flag means nothing from 3.13 on; a number taken away is 0 since 3.12. */
    #if PY_VERSION_HEX < 0x030D0000
        if (!(type->tp_flags & Py_TPFLAGS_VALID_VERSION_TAG)) return 0;
    #endif
        return type->tp_version_tag;
    }
    #else
    static unsigned int whirlwind_type_version(PyObject *cls) { (void)cls; return 0; }
    #endif
    """
    unsigned int whirlwind_type_version(object cls) noexcept


cdef inline unsigned int type_version(object cls) noexcept:
    return whirlwind_type_version(cls)


cdef inline object call_method(object instance, object name):
    return PyObject_CallMethodNoArgs(instance, name)


cdef inline object set_attribute(object instance, object name, object value):
    PyObject_GenericSetAttr(instance, name, value)
    return None


cdef inline bint is_method_of(object method, object function) noexcept:
    return PyMethod_Check(method) and PyMethod_GET_FUNCTION(method) == <PyObject *>function
