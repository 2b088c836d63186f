import type { Socket } from 'node:net';

/**
 * Writing past the stream machinery of a plain socket. For a message that the system takes at once, as it takes nearly
 * all, the queue, the callbacks and the ticks of `stream.Writable` are most of the price of a write. Where this cannot be
 * had (a Node without these internals, `--permission`), `socket.write` does the same.
 */

/** What Node keeps of a write that has not ended. */
interface WriteRequest {
  oncomplete: ((status: number) => void) | null;
  /** Bytes that must not be collected before. */
  held: Buffer | null;
}

interface Handle {
  writeLatin1String(request: WriteRequest, text: string): number;
  writeBuffer(request: WriteRequest, bytes: Buffer): number;
}

/** Node's own binding of streams. */
interface StreamWrap {
  readonly WriteWrap: new () => WriteRequest;
  readonly streamBaseState: Int32Array;
  readonly kLastWriteWasAsync: number;
}

function binding(): StreamWrap | null {
  try {
    const wrap = (process as unknown as { binding(name: string): Partial<StreamWrap> }).binding('stream_wrap');
    const complete =
      typeof wrap.WriteWrap === 'function' &&
      wrap.streamBaseState instanceof Int32Array &&
      typeof wrap.kLastWriteWasAsync === 'number';
    return complete ? (wrap as StreamWrap) : null;
  } catch {
    return null; // not offered: sockets are written to in the ordinary way
  }
}

const WRAP = binding();

/** Whether it can be had at all. */
export const OFFERED = WRAP !== null;

/** Used by one write after the other, as long as none of them is left unfinished. */
let spare: WriteRequest | null = null;

/** Where a socket of Node keeps what it is about. Undocumented; there is no other way to it. */
export const HANDLE = '_handle';

/** What a direct write came to. */
export const TAKEN = 0;
/** The system has not taken all of it; `done` is called when it has, or when it never will. */
export const WAITING = 1;
/** Nothing was done: write in the ordinary way. */
export const NOT_OFFERED = 2;

/**
 * Writes to a plain socket on which nothing waits. Bytes must not be changed until they are taken.
 * @param done told of the end of a write that is `WAITING`: 0, or a negative system error
 * @returns `TAKEN`, `WAITING`, `NOT_OFFERED`, or a negative system error
 */
export function write(socket: Socket, message: string | Buffer, done: (status: number) => void): number {
  const handle = (socket as Socket & { [HANDLE]?: Handle | null })[HANDLE];
  if (WRAP === null || handle === null || handle === undefined || handle.writeLatin1String === undefined)
    return NOT_OFFERED;
  const request = spare ?? new WRAP.WriteWrap();
  spare = request;
  const error =
    typeof message === 'string' ? handle.writeLatin1String(request, message) : handle.writeBuffer(request, message);
  if (error !== 0) return error < 0 ? error : NOT_OFFERED;
  if (WRAP.streamBaseState[WRAP.kLastWriteWasAsync] === 0) return TAKEN;
  spare = null;
  request.held = typeof message === 'string' ? null : message;
  request.oncomplete = done;
  return WAITING;
}
