# The functions of masking.py for the compiled core: word-wise loops, inlined. Every function checks
# its bounds against the object before it reads or writes a byte.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

cdef extern from *:
    """
    #include <string.h>
    #include <stdint.h>

    /* The repeated key as it lies in memory from `phase` on, whatever the order of bytes here. */
    static uint64_t whirlwind_pattern(uint32_t key, unsigned phase) {
        unsigned char bytes[8];
        uint64_t pattern;
        for (unsigned i = 0; i < 8; i++)
            bytes[i] = (unsigned char)(key >> (8 * ((i + phase) & 3)));
        memcpy(&pattern, bytes, 8);
        return pattern;
    }

    /* Copies with the mask applied; answers whether any byte of the result has its high bit set.
       One word at a time: for what is short, for the end, and for compilers without vectors. */
    static int whirlwind_mask_words(unsigned char *to, const unsigned char *from,
                                    Py_ssize_t size, uint64_t pattern) {
        uint64_t high = 0;
        Py_ssize_t i = 0;
        for (; i + 8 <= size; i += 8) {
            uint64_t word;
            memcpy(&word, from + i, 8);
            word ^= pattern;
            high |= word;
            memcpy(to + i, &word, 8);
        }
        if (i < size) {
            uint64_t word = 0;
            memcpy(&word, from + i, (size_t)(size - i));
            word ^= pattern;
            memcpy(to + i, &word, (size_t)(size - i));
            for (; i < size; i++) high |= to[i];
        }
        return (high & UINT64_C(0x8080808080808080)) != 0;
    }

    #if defined(__GNUC__)
    /* The same for `blocks` times 64 bytes: 250 ns for 16 KB where the words take 470. */
    #define WHIRLWIND_MASK_BLOCKS(name, vector)                                                    \
        static int name(unsigned char *to, const unsigned char *from, Py_ssize_t blocks,           \
                        uint64_t pattern) {                                                        \
            vector mask, seen;                                                                     \
            uint64_t word[sizeof(vector) / 8], high = 0;                                           \
            for (unsigned i = 0; i < sizeof(vector) / 8; i++) word[i] = pattern;                   \
            memcpy(&mask, word, sizeof(vector));                                                   \
            seen = mask ^ mask;                                                                    \
            for (; blocks > 0; blocks--, from += 64, to += 64) {                                   \
                for (unsigned i = 0; i < 64; i += sizeof(vector)) {                                \
                    vector part;                                                                   \
                    memcpy(&part, from + i, sizeof(vector));                                       \
                    part ^= mask;                                                                  \
                    seen |= part;                                                                  \
                    memcpy(to + i, &part, sizeof(vector));                                         \
                }                                                                                  \
            }                                                                                      \
            memcpy(word, &seen, sizeof(vector));                                                   \
            for (unsigned i = 0; i < sizeof(vector) / 8; i++) high |= word[i];                     \
            return (high & UINT64_C(0x8080808080808080)) != 0;                                     \
        }
    typedef uint64_t whirlwind_vector __attribute__((vector_size(16)));
    WHIRLWIND_MASK_BLOCKS(whirlwind_mask_blocks, whirlwind_vector)
    #if defined(__x86_64__)
    /* 140 ns, on every x86 made since 2015. */
    typedef uint64_t whirlwind_wide_vector __attribute__((vector_size(32)));
    __attribute__((target("avx2")))
    WHIRLWIND_MASK_BLOCKS(whirlwind_mask_wide_blocks, whirlwind_wide_vector)
    #endif
    #endif

    static int whirlwind_mask(unsigned char *to, const unsigned char *from, Py_ssize_t size,
                              uint64_t pattern) {
        int high = 0;
    #if defined(__GNUC__)
        Py_ssize_t blocks = size < 512 ? 0 : size / 64;
        if (blocks) {
    #if defined(__x86_64__)
            if (__builtin_cpu_supports("avx2"))
                high = whirlwind_mask_wide_blocks(to, from, blocks, pattern);
            else
    #endif
                high = whirlwind_mask_blocks(to, from, blocks, pattern);
            to += 64 * blocks;
            from += 64 * blocks;
            size -= 64 * blocks;
        }
    #endif
        return whirlwind_mask_words(to, from, size, pattern) | high;
    }

    /* Writes a frame's head into a buffer of at least 10 bytes; answers its size. */
    static int whirlwind_frame_head(unsigned char *to, int first, Py_ssize_t size, int flag) {
        to[0] = (unsigned char)first;
        if (size < 126) {
            to[1] = (unsigned char)(flag | size);
            return 2;
        }
        if (size < 65536) {
            to[1] = (unsigned char)(flag | 126);
            to[2] = (unsigned char)(size >> 8);
            to[3] = (unsigned char)size;
            return 4;
        }
        to[1] = (unsigned char)(flag | 127);
        for (int i = 0; i < 8; i++) to[2 + i] = (unsigned char)((uint64_t)size >> (56 - 8 * i));
        return 10;
    }

    static int whirlwind_is_ascii(PyObject *text) {
        return PyUnicode_IS_COMPACT_ASCII(text);
    }
    static const unsigned char *whirlwind_ascii_data(PyObject *text) {
        return PyUnicode_1BYTE_DATA(text);
    }
    """
    ctypedef unsigned int uint32_t
    ctypedef unsigned long long uint64_t
    uint64_t whirlwind_pattern(uint32_t key, unsigned int phase) noexcept nogil
    int whirlwind_mask(unsigned char *to, const unsigned char *source, Py_ssize_t size,
                       uint64_t pattern) noexcept nogil
    int whirlwind_frame_head(unsigned char *to, int first, Py_ssize_t size,
                             int flag) noexcept nogil
    int whirlwind_is_ascii(object text) noexcept
    const unsigned char *whirlwind_ascii_data(object text) noexcept
    void *memcpy(void *to, const void *source, size_t size) noexcept nogil

cdef extern from "Python.h":
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 maxchar)
    object PyUnicode_DecodeUTF8(const char *data, Py_ssize_t size, const char *errors)
    Py_ssize_t PyUnicode_GET_LENGTH(object text) noexcept


cdef inline uint32_t read_key(bytes data, Py_ssize_t pos) except? 0:
    cdef const unsigned char *key
    if data is None or pos < 0 or pos + 4 > PyBytes_GET_SIZE(data):
        raise IndexError("no room for a key")
    key = <const unsigned char *>PyBytes_AS_STRING(data) + pos
    return key[0] | <uint32_t>key[1] << 8 | <uint32_t>key[2] << 16 | <uint32_t>key[3] << 24


cdef inline bytes cut(bytes data, Py_ssize_t pos, Py_ssize_t end, bint masked, uint32_t key,
                      unsigned int phase):
    cdef bytes piece
    if data is None or pos < 0 or end > PyBytes_GET_SIZE(data) or pos > end:
        raise IndexError("outside of the buffer")
    if not masked:
        return data[pos:end]
    piece = PyBytes_FromStringAndSize(NULL, end - pos)
    if end > pos:  # the empty bytes object is shared by all
        whirlwind_mask(<unsigned char *>PyBytes_AS_STRING(piece),
                       <const unsigned char *>PyBytes_AS_STRING(data) + pos, end - pos,
                       whirlwind_pattern(key, phase))
    return piece


cdef inline str cut_text(bytes data, Py_ssize_t pos, Py_ssize_t end, bint masked, uint32_t key):
    cdef object text
    cdef const char *source
    cdef unsigned char *room
    if data is None or pos < 0 or end > PyBytes_GET_SIZE(data) or pos > end:
        raise IndexError("outside of the buffer")
    source = PyBytes_AS_STRING(data) + pos
    if not masked or end == pos:
        return PyUnicode_DecodeUTF8(source, end - pos, NULL)
    # Nearly every text is US-ASCII: unmask straight into the characters of a new str.
    text = PyUnicode_New(end - pos, 127)
    room = <unsigned char *>whirlwind_ascii_data(text)
    if whirlwind_mask(room, <const unsigned char *>source, end - pos, whirlwind_pattern(key, 0)):
        return PyUnicode_DecodeUTF8(<const char *>room, end - pos, NULL)
    return text


cdef inline bytes _frame(int first, const unsigned char *payload, Py_ssize_t size):
    cdef unsigned char head[16]
    cdef int head_size = whirlwind_frame_head(head, first, size, 0)
    cdef bytes made = PyBytes_FromStringAndSize(NULL, head_size + size)
    cdef char *to = PyBytes_AS_STRING(made)
    memcpy(to, head, head_size)
    memcpy(to + head_size, payload, size)
    return made


cdef inline bytes frame(int first, bytes payload):
    if payload is None:
        raise TypeError("no payload")
    return _frame(first, <const unsigned char *>PyBytes_AS_STRING(payload),
                  PyBytes_GET_SIZE(payload))


cdef inline bytes text_frame(int first, str text):
    if text is None:
        raise TypeError("no text")
    if whirlwind_is_ascii(text):
        return _frame(first, whirlwind_ascii_data(text), PyUnicode_GET_LENGTH(text))
    return frame(first, text.encode("utf-8"))


cdef inline bytes masked_frame(int first, bytes payload, uint32_t key):
    cdef unsigned char head[16]
    cdef Py_ssize_t size
    cdef int head_size
    cdef bytes made
    cdef unsigned char *to
    if payload is None:
        raise TypeError("no payload")
    size = PyBytes_GET_SIZE(payload)
    head_size = whirlwind_frame_head(head, first, size, 128)
    made = PyBytes_FromStringAndSize(NULL, head_size + 4 + size)
    to = <unsigned char *>PyBytes_AS_STRING(made)
    memcpy(to, head, head_size)
    to += head_size
    to[0] = key & 255
    to[1] = (key >> 8) & 255
    to[2] = (key >> 16) & 255
    to[3] = (key >> 24) & 255
    whirlwind_mask(to + 4, <const unsigned char *>PyBytes_AS_STRING(payload), size,
                   whirlwind_pattern(key, 0))
    return made
