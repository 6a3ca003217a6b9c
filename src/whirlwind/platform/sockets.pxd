# `offer` of sockets.py for compiled modules: send(2), which looks at less than write(2) does.

cdef extern from *:
    """
    #ifdef _WIN32
    #define ww_offer(descriptor, data, size) ((Py_ssize_t) -1)
    #else
    #include <sys/socket.h>
    #ifndef MSG_NOSIGNAL
    #define MSG_NOSIGNAL 0
    #endif
    #define ww_offer(descriptor, data, size) \
        ((Py_ssize_t) send(descriptor, data, size, MSG_DONTWAIT | MSG_NOSIGNAL))
    #endif
    """
    Py_ssize_t ww_offer(int descriptor, const char *data, size_t size) nogil

cdef enum:
    COMPILED = 1


cdef inline Py_ssize_t offer(int descriptor, bytes data) noexcept:
    cdef Py_ssize_t taken = ww_offer(descriptor, data, len(data))
    return taken if taken > 0 else 0
