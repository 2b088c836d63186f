/** How a body is framed, where it is not by its length in bytes (0 and up): as chunks, or without telling (HTTP/2). */
export const CHUNKED = -1;
/** Of an answer: it ends with its connection (RFC 9112 §6.3, the last case). */
export const UNTIL_CLOSE = -2;
