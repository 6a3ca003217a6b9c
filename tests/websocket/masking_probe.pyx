# cython: language_level=3
cimport whirlwind.protocol.masking as masking


def read_key(bytes data, Py_ssize_t pos):
    return masking.read_key(data, pos)


def cut(bytes data, Py_ssize_t pos, Py_ssize_t end, bint masked, unsigned int key, unsigned int phase):
    return masking.cut(data, pos, end, masked, key, phase)


def cut_text(bytes data, Py_ssize_t pos, Py_ssize_t end, bint masked, unsigned int key):
    return masking.cut_text(data, pos, end, masked, key)


def frame(int first, bytes payload):
    return masking.frame(first, payload)


def masked_frame(int first, bytes payload, unsigned int key):
    return masking.masked_frame(first, payload, key)


def text_frame(int first, str text):
    return masking.text_frame(first, text)


cdef extern from *:
    int whirlwind_mask_blocks(unsigned char *to, const unsigned char *source, Py_ssize_t blocks,
                              unsigned long long pattern)


def mask_narrow_blocks(bytes data, unsigned int key, unsigned int phase):
    """What processors do that lack the wide instructions."""
    made = bytearray(len(data) // 64 * 64)
    high = whirlwind_mask_blocks(made, data, len(data) // 64, masking.whirlwind_pattern(key, phase))
    return bytes(made), bool(high)
