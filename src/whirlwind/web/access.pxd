import cython

cdef int _INFO, _WARNING, _ERROR
cdef str _FORMAT
cdef object _now


cdef class AccessLog:
    cdef public object settings

    cpdef object _ww_log_request(self, object handler)
