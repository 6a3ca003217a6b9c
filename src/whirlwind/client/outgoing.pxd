cdef class Outgoing:
    cdef public object origin
    cdef public object proxy
    cdef public tuple key
    cdef public str method
    cdef public str url
    cdef public bytes head
    cdef public bytes body
    cdef public bint deferred
    cdef public bint closes
    cdef public tuple offered
    cdef public bint tunnels
    cdef public bint has_own_fields
    cdef public double connect_timeout
    cdef public double request_timeout
    cdef public object _raw
    cdef public dict _defaults
    cdef public bint _continue_due
    cdef public object _producer
    cdef public object _framing
    cdef public tuple _codings

    cdef object _use(self, object request)
    cpdef object setting(self, str name)
    cpdef bint may_be_repeated(self)
    cpdef object prepare(self)
    cpdef object default_proxy(self)
    cpdef object own_fields(self, object fields, dict ours)
    cdef object _named_proxy(self)
    cdef tuple _make_key(self)
    cdef object _check_method(self, str method)
    cdef object _prepare_fields(self, str target, str agent, tuple credentials)
    cdef object _prepare_body(self, object fields, dict ours)
