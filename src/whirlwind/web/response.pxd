import cython

cimport whirlwind.web.hooks as hooks
cimport whirlwind.httputil.fresh as fresh
from whirlwind.httputil.storage cimport RequestStorage, lacks
from whirlwind.protocol.headers cimport HeaderMap
from whirlwind.server.exchange cimport ExchangeBase
from whirlwind.web.storage cimport have_logged, settings_of
from whirlwind.web.tags cimport is_among, tag_of

cdef int _START, _PREPARING, _IN_BODY, _IN_METHOD, _DONE, _FINISHED
cdef int _IF_NONE_MATCH
cdef int _INITIALIZE, _SET_DEFAULT_HEADERS, _PREPARE, _ON_FINISH, _FLUSH, _BREAK_CYCLES
cdef int _ETAGS_AS_USUAL, _LOG, _EXECUTE, _CLEAR, _FINISH, _SET_HEADER, _ADD_HEADER
cdef int _MAKING, _METHODS
cdef object _HOOK_NAMES
cdef dict _known_bits
cdef unsigned int _last_version
cdef bint _CAN_KNOW
cdef int _last_bits

@cython.locals(version="unsigned int")
cdef int _original_hooks(object cls) except -1

cdef object _now
cdef dict _DEFAULTS
cdef double _date_second, _next_second
cdef dict _METHOD_NAMES

cdef object _set_date(long long second)


cdef class ResponseBase:
    cdef public int _ww_original
    cdef RequestStorage _ww_native
    cdef public object application
    cdef public object request
    cdef public bint _headers_written
    cdef public bint _finished
    cdef public bint _auto_finish
    cdef public object _prepared_future
    cdef public object _new_cookie
    cdef public object _transforms
    cdef object _ww_raw_args
    cdef object _ww_raw_kwargs
    cdef object _ww_path_args
    cdef object _ww_path_kwargs
    cdef public int _ww_stage
    cdef public ExchangeBase _ww_exchange
    cdef public HeaderMap _headers
    cdef public object _write_buffer
    cdef public int _status_code
    cdef public object _reason

    @cython.locals(native=RequestStorage, exchange=ExchangeBase)
    cdef object _ww_begin(self, object application, object request, object kwargs)
    @cython.locals(native=RequestStorage)
    cdef object _ww_connection(self)
    cdef object _ww_add_etag(self, HeaderMap headers)
    cpdef object _ww_set_status(self, object status_code, object reason)
    cpdef object _ww_set_header(self, object name, object value)
    cpdef object _ww_add_header(self, object name, object value)
    @cython.locals(text=str)
    cpdef object _ww_write(self, object chunk)
    cdef object _ww_write_other(self, object chunk)
    cdef object _ww_add_cookies(self, HeaderMap headers)
    @cython.locals(headers=HeaderMap, fields=dict, size=Py_ssize_t, part=bytes, code=int, native=RequestStorage)
    cdef bint _ww_complete_headers(self) except -1
    @cython.locals(native=RequestStorage)
    cdef object _ww_check_request(self)
    cpdef object _ww_fail(self, object error)
    cpdef object _ww_cancelled(self)
    cdef object _ww_mark_prepared(self)
    cpdef object _ww_end_body(self)


@cython.locals(bits=int, handler=ResponseBase)
cpdef object make_handler(object cls, object application, object request, object kwargs)
@cython.locals(headers=HeaderMap, native=RequestStorage, now=double)
cpdef object clear_response(ResponseBase handler)
@cython.locals(exchange=ExchangeBase, headers=HeaderMap, chunk=bytes, buffer=list, native=RequestStorage)
cpdef object flush_response(ResponseBase handler, bint include_footers, bint sized)
@cython.locals(exchange=ExchangeBase)
cpdef object finish_response(ResponseBase handler, object chunk)
@cython.locals(native=RequestStorage)
cpdef bint etag_matches(ResponseBase handler) except -1
cpdef object begin(ResponseBase handler, object transforms, object args, object kwargs)
@cython.locals(native=RequestStorage, stage=int)
cpdef object proceed(ResponseBase handler)
@cython.locals(native=RequestStorage)
cpdef str request_summary(ResponseBase handler)
cpdef str loggable(object text)
