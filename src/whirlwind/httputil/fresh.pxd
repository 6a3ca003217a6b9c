cdef extern from *:
    """
    static PyObject *whirlwind_fresh(PyObject *cls, PyObject *nothing) {
        if (!PyType_Check(cls) || ((PyTypeObject *)cls)->tp_new == NULL) {
            PyErr_SetString(PyExc_TypeError, "not a class with instances");
            return NULL;
        }
        return ((PyTypeObject *)cls)->tp_new((PyTypeObject *)cls, nothing, NULL);
    }
    """
    object whirlwind_fresh(object cls, tuple nothing)


cdef inline object instance(object cls):
    return whirlwind_fresh(cls, ())
