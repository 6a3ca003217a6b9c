from cpython.time cimport time


cdef inline double wall() noexcept:
    return time()
