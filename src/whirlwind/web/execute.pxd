import cython

cimport whirlwind.platform.contexts as contexts
cimport whirlwind.web.hooks as hooks

from whirlwind.httputil.storage cimport RequestStorage
from whirlwind.platform.eager cimport start_now
from whirlwind.web.response cimport ResponseBase, make_handler, proceed
from whirlwind.web.storage cimport ApplicationStorage

cdef int _EXECUTE_HOOK, _CONTEXT_HOOK
cdef bint _CAN_KNOW
cdef list _epoch

@cython.locals(base=ResponseBase)
cpdef object start_handler(ApplicationStorage app, object handler, object path_args, object path_kwargs, object context)


cdef class DirectEntry:
    cdef public ApplicationStorage app
    cdef object _find
    cdef object _get_delegate
    cdef object _start
    cdef unsigned int _version
    cdef bint _plain
    cdef object _router
    cdef object _table
    cdef dict _literals
    cdef object _epoch
    cdef unsigned int _matcher_version
    cdef unsigned int _router_version
    cpdef object _serve(self, RequestStorage request, object context)
    @cython.locals(version="unsigned int", plain=bint)
    cdef object _find_rule(self, ApplicationStorage app, RequestStorage request)
    cdef object _find_remembered(self, object router, object path)
