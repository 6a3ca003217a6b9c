import cython

cimport whirlwind.web.hooks as hooks


cdef class ApplicationStorage:
    cdef public object settings
    cdef public object transforms
    cdef public object default_router
    cdef public bint _ww_goes_general
    cdef public bint _ww_logs_itself
    cdef public bint _ww_forgets


cdef int _LOG, _SETTINGS
cdef unsigned int _last_version
cdef int _last_bits
cdef object _original_log, _original_settings, _log_request

@cython.locals(version="unsigned int", bits=int)
cdef int _original(object cls) except -1
@cython.locals(storage=ApplicationStorage)
cpdef object settings_of(object application)
@cython.locals(storage=ApplicationStorage)
cpdef object have_logged(object application, object handler)
