import cython

cdef bint _NATIVE
cdef set _waiting
cdef str _RELAY
cdef dict _current_tasks
cdef int _RETURNED, _RAISED, _WAITS, _RELAYING


cdef class Relay:
    cdef object loop
    cdef bint busy
    cdef bint replaced
    cdef object _context
    cdef int _state
    cdef object _outcome
    cdef object _generator
    cdef object _send
    cdef object _task
    cdef object _step
    cdef set _registry
    cdef object _entry
    cdef object _name
    cdef Py_ssize_t _referents
    cdef Py_ssize_t _references

    cdef object start(self, object coro, object context)
    cdef bint _is_as_new(self) except -1
    cdef object _take_step(self)
    cdef object _let_go(self)
    cdef object _relayed(self, object outcome)

cdef object _keep(object task)
cpdef object start_now(object coro, object loop, object context)
@cython.locals(relay=Relay, fresh=Relay)
cdef object _start(object coro, object loop, object context)
