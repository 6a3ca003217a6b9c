"""Every default limit of the package, with its reason.

A limit that a constructor argument can change is only the default of that argument.
"""

from typing import Final

# --- HTTP/1 heads -------------------------------------------------------------------------------

#: Bytes of a whole head (start line and field lines). 64 KiB is Tornado's default; nginx and Apache
#: stop at 8-32 KiB. Beyond it the answer is 431, or 414 when the start line alone is over.
MAX_HEAD_SIZE: Final = 65536
#: Field lines in one head. Node allows 2000, Apache 100; a browser behind three proxies sends ~40.
MAX_FIELDS: Final = 256
#: Digits of a Content-Length: 10**18 bytes fits a signed 64-bit offset.
MAX_LENGTH_DIGITS: Final = 18
#: Hexadecimal digits of a chunk size, leading zeros included; 15 digits stay below 2**63.
MAX_CHUNK_DIGITS: Final = 16
#: Bytes of one chunk-size line with its extensions (RFC 9112 section 7.1.1 asks for a limit).
MAX_CHUNK_LINE: Final = 256
#: Bytes of all chunk extensions of one message; without it a one-byte chunk carries 250 for free.
MAX_CHUNK_EXTENSIONS: Final = 16384
#: Bytes and lines of a trailer section (RFC 9112 section 7.1.2).
MAX_TRAILER_SIZE: Final = 8192
MAX_TRAILER_FIELDS: Final = 64
#: Interim (1xx) responses before the final one that a client accepts.
MAX_INTERIM_RESPONSES: Final = 10

# --- HTTP/1 bodies ------------------------------------------------------------------------------

#: Bytes of a request body, and of what a connection buffers (Tornado: 100 MiB for both).
MAX_BODY_SIZE: Final = 104857600
#: Bytes of a body that somebody else sees to; still fits a signed 64-bit offset.
UNLIMITED: Final = 2**62
#: Bytes handed to a streaming receiver at once (Tornado: 64 KiB).
CHUNK_SIZE: Final = 65536
#: Bytes of the next pipelined requests kept while one is being answered; then reading pauses.
MAX_PIPELINE_BUFFER: Final = 262144
#: Requests answered from one read event before other connections get their turn.
MAX_REQUESTS_PER_TURN: Final = 64
#: Bytes of collected answers after which a pipelined batch is written out.
MAX_CORKED_BYTES: Final = 65536
#: Writes in a row that an awaiting handler gets answered without a turn of the loop.
MAX_UNYIELDING_WRITES: Final = 16
#: Bytes of a body that are read and dropped when the answer was given before they came, so that the
#: connection can go on; also what a closing connection reads, times 16, before it is reset.
MAX_DISCARD: Final = 1048576

#: Window of zstd content, as a power of 2: 8 MiB is what RFC 9659 lets a sender use.
MAX_ZSTD_WINDOW_LOG: Final = 23

# --- HTTP server waits, in seconds --------------------------------------------------------------

#: From the first byte of a head to its end: slowloris needs longer than any honest peer.
HEADER_TIMEOUT: Final = 10.0
#: Between two requests of one connection; browsers keep theirs for 60-115 s.
IDLE_TIMEOUT: Final = 75.0
#: TLS handshake; asyncio's own default is 60 s.
TLS_HANDSHAKE_TIMEOUT: Final = 10.0
#: Reading and dropping what a refused peer still sends; a reset would destroy the answer.
LINGER_TIMEOUT: Final = 2.0
#: Without progress while an answer waits for a peer that does not read.
WRITE_TIMEOUT: Final = 60.0

# --- Sockets and streams ------------------------------------------------------------------------

#: Connections the kernel queues for a listening socket (Tornado: 128; Linux caps it at somaxconn).
LISTEN_BACKLOG: Final = 128
#: Connections accepted in one turn of the loop, so that a burst does not starve open connections.
ACCEPTS_PER_EVENT: Final = 128
#: Seconds without accepting after the process ran out of file descriptors or memory.
ACCEPT_RETRY_DELAY: Final = 1.0
#: Bytes one stream buffers for a read that is not yet satisfied (Tornado: 100 MiB).
MAX_STREAM_BUFFER: Final = 104857600
#: Bytes one stream asks the kernel for at a time (Tornado: 64 KiB).
STREAM_CHUNK_SIZE: Final = 65536
#: Bytes one stream reads in one turn of the loop before others get theirs.
STREAM_BYTES_PER_TURN: Final = 1048576
#: Bytes of a read of known size up to which the memory is taken at once, before they arrive. A peer
#: that announces more than it sends must not cost more than this.
STREAM_DIRECT_SIZE: Final = 1048576
#: Half of the freed memory that the C library may keep for the next large reads.
STREAM_KEPT_MEMORY: Final = 4194304
#: Written pieces up to this size are joined into one buffer; larger ones are sent from where they
#: are. Copying 4 KiB costs less than a system call of its own.
STREAM_JOIN_SIZE: Final = 4096
#: Seconds after which an attempt to connect to the next address starts (RFC 8305 section 5 asks
#: for 100 ms to 2 s; Tornado, for the other address family: 0.3).
CONNECT_STAGGER: Final = 0.3

# --- HTTP clients ---------------------------------------------------------------------------------

#: Requests that a client has under way at once; others queue (Tornado: 10).
MAX_CLIENTS: Final = 10
#: Connections that a client keeps open for requests to come, over all hosts.
MAX_IDLE_CONNECTIONS: Final = 100
#: Seconds for which it keeps one. Servers close theirs after 2 (gunicorn) to 75 (nginx, we).
CLIENT_IDLE_TIMEOUT: Final = 30.0
#: Seconds of idleness after which a request that must not be sent twice gets a new connection: the
#: server may be closing the old one in this moment, and nothing would tell whether it has acted.
CLIENT_UNSAFE_IDLE: Final = 2.0
#: Seconds to wait for ``100 Continue`` before the body is sent anyway (RFC 9110 section 10.1.1;
#: curl: 1).
CONTINUE_TIMEOUT: Final = 1.0
#: Bytes of a streamed response that are kept while the program does not read; then reading pauses.
STREAM_RESPONSE_BUFFER: Final = 262144
#: Bytes of one line of a streamed response.
MAX_STREAMED_LINE: Final = 1048576
#: Cookies that a client keeps, over all hosts (RFC 6265 section 6.1: 3000).
MAX_KEPT_COOKIES: Final = 3000
#: Seconds for a TLS peer to confirm that the connection ends.
TLS_SHUTDOWN_TIMEOUT: Final = 2.0
#: Bytes of a body that are joined to the head and sent with it; copying them costs less than a
#: system call.
MAX_JOINED_BODY: Final = 65536

# --- caches ---------------------------------------------------------------------------------------

#: Spellings of field names whose normalised form is remembered; a peer can send any spelling.
MAX_NAME_CACHE: Final = 2000
#: States of handler classes of which it is remembered which hooks they replace.
MAX_CLASS_CACHE: Final = 1000

#: Origins of URLs, and TLS contexts, that a client remembers.
MAX_ORIGINS: Final = 1000
MAX_TLS_CONTEXTS: Final = 100

# --- Forms --------------------------------------------------------------------------------------

#: Arguments of a query or of an urlencoded body (Tornado 6.5.8: 1000, PHP: 1000).
MAX_FORM_FIELDS: Final = 1000
#: Parts of a multipart body. Tornado's setting of 100 counts the text before the first part, which
#: leaves 99.
MAX_PARTS: Final = 99
#: Bytes of the header of one part without the blank line that ends it (Tornado: 10 KiB).
MAX_PART_HEAD_SIZE: Final = 10240
#: Header fields of one part; a browser sends two.
MAX_PART_FIELDS: Final = 32
#: Bytes of a streamed part's body that wait for whoever reads the parts; then the client waits.
MAX_PART_BUFFER: Final = 262144
#: Bytes of a part that are read into memory when nothing else is said; a page of text has 3000.
MAX_PART_IN_MEMORY: Final = 1048576
#: Bytes of a part that are written to a file in one go, by a thread.
PART_WRITE_SIZE: Final = 262144
#: Cookies read from one request. Browsers keep at most 180 for a site; a 64 KiB head of two-byte
#: cookies would make 20 000 objects.
MAX_COOKIES: Final = 1000
#: Elements of one Accept or Accept-Language that are looked at; a browser sends fewer than ten.
MAX_PREFERENCES: Final = 50
#: Characters of a multipart boundary (RFC 2046 section 5.1.1).
MAX_BOUNDARY: Final = 70

# --- static files -------------------------------------------------------------------------------

#: Bytes of a file up to which it is read at once, its entity tag is a hash of its content (0.5 ms),
#: and it is kept in memory. Beyond, the first byte would wait for the hash; size and time of change
#: serve instead.
MAX_KEPT_FILE: Final = 262144
#: Bytes of all files kept in memory, and URLs behind which they are.
MAX_KEPT_BYTES: Final = 16777216
MAX_KEPT_PLACES: Final = 4096
#: Bytes of a larger file that are read, and written, in one go: 0.1 ms of the loop's time.
FILE_CHUNK: Final = 262144
#: Directories of static files whose real path is remembered.
MAX_REAL_DIRECTORIES: Final = 1024

# --- templates ----------------------------------------------------------------------------------

#: Blocks of a template inside each other, and templates that include each other. Python refuses
#: code that is indented more than 99 times.
MAX_TEMPLATE_NESTING: Final = 64

# --- WebSocket ----------------------------------------------------------------------------------

#: Bytes of one message, after decompression and of all its fragments (Tornado 4.5: 10 MiB).
MAX_MESSAGE_SIZE: Final = 10485760
#: Frames looked at in one go before others get their turn: fragments and empty frames make no
#: message, so a count of messages alone would not see them.
MAX_FRAMES_PER_EVENT: Final = 256
#: Messages and control frames handled in one turn of the loop.
MAX_MESSAGES_PER_TURN: Final = 256
#: Bytes received and not looked at while a handler's coroutine runs; then reading pauses.
MAX_UNREAD_MESSAGES: Final = 65536
#: Bytes that wait to be sent to a peer that does not read, past which nothing more is read from it.
#: Large, because a client may well send a batch before it reads the answers.
MAX_UNSENT_BYTES: Final = 16777216
#: Deflate streams that may end inside one compressed message (RFC 7692 section 7.2.3.5 allows it);
#: each costs a new decompressor for two bytes of input.
MAX_FINAL_BLOCKS: Final = 16
#: Bytes below which a message is not compressed: a frame saves a few bytes of a 60-byte packet.
MIN_COMPRESSED_MESSAGE: Final = 64
#: Compressors kept for the next message, for each set of parameters; one takes up to 268 KB.
MAX_POOLED_COMPRESSORS: Final = 4
#: Seconds that a connection keeps the compressor it has used. Without it the next message refers to
#: no message before, which is always allowed.
COMPRESSOR_IDLE: Final = 10.0
#: Seconds to wait for the peer's close frame, and for it to close the connection (Tornado: 5).
CLOSE_TIMEOUT: Final = 5.0
#: Bytes queued for one connection that is slow to read, where nobody has set another limit.
MAX_QUEUED_BYTES: Final = 1048576
#: Bytes of a body with which a server may explain why it opens no WebSocket.
MAX_REFUSAL_BODY: Final = 1048576

# --- ASGI ---------------------------------------------------------------------------------------

#: Seconds that an application gets, before its lifespan ends, for what it does after answers.
ASGI_ENDING_TIMEOUT: Final = 10.0
#: Seconds that it then gets to take note that it is cancelled.
ASGI_CANCEL_TIMEOUT: Final = 1.0
