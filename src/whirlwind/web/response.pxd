import cython

from whirlwind.httputil.storage cimport RequestStorage
from whirlwind.protocol.headers cimport HeaderMap, is_sendable
from whirlwind.server.exchange cimport ExchangeBase

cdef int _START, _PREPARING, _IN_BODY, _IN_METHOD, _DONE
cdef int _IF_NONE_MATCH
cdef object _now
cdef dict _DEFAULTS
cdef long long _date_second
cdef dict _METHOD_NAMES

@cython.locals(second="long long")
cdef dict default_headers(double now)


cdef class ResponseBase:
    cdef public object application
    cdef public object request
    cdef public object path_args
    cdef public object path_kwargs
    cdef public bint _headers_written
    cdef public bint _finished
    cdef public bint _auto_finish
    cdef public object _prepared_future
    cdef public object _new_cookie
    cdef public object _transforms
    cdef object _raw_args
    cdef object _raw_kwargs
    cdef public int _stage
    cdef public ExchangeBase _exchange
    cdef public HeaderMap _headers
    cdef public object _write_buffer
    cdef public int _status_code
    cdef public object _reason
    cdef public object ui

    cdef object _write_other(self, object chunk)
    cdef object _add_cookies(self, object headers)
    @cython.locals(headers=HeaderMap, size=Py_ssize_t, part=bytes, code=int)
    cdef object _complete_headers(self)
    cpdef object begin(self, object transforms, object args, object kwargs)
    cpdef object proceed(self)
    cdef object _check_request(self)
    cpdef object fail(self, object error)
    cpdef object cancelled(self)
    cdef object _mark_prepared(self)
