from whirlwind.server.outlet cimport Outlet
from whirlwind.server.site cimport Site


cdef class Peer(Outlet):
    cdef public Site site
    cdef public object forwarded
    cdef object _address
    cdef bint _address_known
    cdef object _local_address

    cpdef object tls_object(self)
