cdef class ApplicationStorage:
    cdef public object settings
    cdef public object transforms
    cdef public object default_router
    cdef public bint _ww_goes_general
    cdef public bint _ww_forgets
