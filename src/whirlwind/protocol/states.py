"""What a parser answers, and where it stands: ints, which the compiled form has as C constants."""

from typing import Final

NEED_DATA: Final = 0
HEAD: Final = 1
DATA: Final = 2
END: Final = 3

IN_HEAD: Final = 0
AFTER_HEAD: Final = 1
FIXED: Final = 2
CHUNK_LINE: Final = 3
CHUNK_DATA: Final = 4
CHUNK_END: Final = 5
TRAILERS: Final = 6
UNTIL_CLOSE: Final = 7
AT_END: Final = 8
CLOSED: Final = 9
