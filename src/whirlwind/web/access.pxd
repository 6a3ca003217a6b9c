import cython

cdef int _INFO, _WARNING, _ERROR
cdef str _FORMAT
cdef object _now


cdef class AccessLog:
    cdef public object settings
