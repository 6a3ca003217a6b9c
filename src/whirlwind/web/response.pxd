import cython

cimport whirlwind.web.hooks as hooks
from whirlwind.httputil.storage cimport RequestStorage
from whirlwind.protocol.headers cimport HeaderMap, is_sendable
from whirlwind.server.exchange cimport ExchangeBase

cdef int _START, _PREPARING, _IN_BODY, _IN_METHOD, _DONE
cdef int _IF_NONE_MATCH
cdef int _INITIALIZE, _SET_DEFAULT_HEADERS, _PREPARE, _ON_FINISH, _FLUSH, _BREAK_CYCLES
cdef int _ETAGS_AS_USUAL, _LOG, _EXECUTE, _CLEAR, _FINISH
cdef object _HOOK_NAMES
cdef dict _known_bits

@cython.locals(version="unsigned int")
cdef int _original_hooks(object cls) except -1
cdef object _now
cdef dict _DEFAULTS
cdef long long _date_second
cdef dict _METHOD_NAMES

@cython.locals(second="long long")
cdef dict default_headers(double now)


cdef class ResponseBase:
    cdef public int _original
    cdef RequestStorage _native
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

    @cython.locals(headers=HeaderMap, native=RequestStorage)
    cdef object _clear(self)
    @cython.locals(exchange=ExchangeBase, headers=HeaderMap, chunk=bytes, buffer=list)
    cdef object _flush(self, bint include_footers)
    @cython.locals(exchange=ExchangeBase)
    cdef object _finish(self, object chunk)
    @cython.locals(native=RequestStorage)
    cdef bint _etag_matches(self) except -1
    @cython.locals(native=RequestStorage)
    cdef object _connection(self)
    @cython.locals(native=RequestStorage)
    cdef object _method(self)
    cdef object _add_etag(self, HeaderMap headers)
    cdef str _digest(self)
    cdef object _write_other(self, object chunk)
    cdef object _add_cookies(self, HeaderMap headers)
    @cython.locals(headers=HeaderMap, size=Py_ssize_t, part=bytes, code=int)
    cdef object _complete_headers(self)
    cpdef object begin(self, object transforms, object args, object kwargs)
    cpdef object proceed(self)
    @cython.locals(native=RequestStorage)
    cdef object _check_request(self)
    cpdef object fail(self, object error)
    cpdef object cancelled(self)
    cdef object _mark_prepared(self)
