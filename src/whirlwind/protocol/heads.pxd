cimport whirlwind.protocol.scan as scan


cdef class Head:
    cdef public int minor
    cdef public bytes raw
    cdef public int seen
    cdef public long long content_length
    cdef public bytes content_type
    cdef public bint chunked
    cdef public bint until_close
    cdef public bint keep_alive
    cdef public bint expect_continue
    cdef public bint expect_other
    cdef public str upgrade
    cdef public bint asked_close
    cdef public bint asked_keep_alive
    cdef public bint asked_upgrade
    cpdef str get(self, bytes name)
    cpdef void same_fields(self, Head other)


cdef class RequestHead(Head):
    cdef public str method
    cdef public str target


cdef class ResponseHead(Head):
    cdef public int status
    cdef public str reason
