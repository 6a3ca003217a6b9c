from whirlwind.client.outgoing cimport Outgoing
from whirlwind.protocol.heads cimport ResponseHead


cdef class Receiver(Outgoing):
    cdef public list pieces
    cdef public bint watched
    cdef public long long max_body_size
    cdef public object context

    cpdef object interim_received(self, ResponseHead head)
    cpdef object upgraded(self, ResponseHead head, object connection)
    cpdef object head_received(self, ResponseHead head)
    cpdef object body_received(self, bytes chunk)
    cpdef object more(self)
    cpdef object body_ended(self)
    cpdef object complete(self, object connection, bint reusable)
    cpdef object heard(self)
    cpdef object blocked(self)
    cpdef object wrote(self)
    cpdef object rest(self)
    cpdef object repeat(self)
    cpdef object fail(self, object error)
