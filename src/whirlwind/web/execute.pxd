import cython

from whirlwind.web.response cimport ResponseBase


cdef class DirectEntry:
    cdef public object app
    cdef object _find
    cdef object _get_delegate
    cdef object _start
    cdef object _find_rule(self, object app, object request)
