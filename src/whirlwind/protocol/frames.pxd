cdef enum:
    NEED_DATA = 0
    MESSAGE = 1
    PING = 2
    PONG = 3
    CLOSE = 4
    MORE = 5

cdef enum:
    TEXT_FRAME = 0x81
    BINARY_FRAME = 0x82
    CLOSE_FRAME = 0x88
    PING_FRAME = 0x89
    PONG_FRAME = 0x8A
    RSV1 = 0x40

cdef enum:
    MAX_CONTROL = 125


cdef inline bint is_close_code(int code) noexcept:
    return 3000 <= code <= 4999 or 1000 <= code <= 1003 or 1007 <= code <= 1014
