import { Readable } from 'node:stream';

export const BULK_BYTES = 64 * 1024 * 1024;

const PIECE = Buffer.alloc(256 * 1024, 'domicile');

/** 64 MB, piece by piece. */
export function bulk(): Readable {
  let left = BULK_BYTES;
  return new Readable({
    highWaterMark: PIECE.length,
    read() {
      left -= PIECE.length;
      this.push(PIECE);
      if (left === 0) this.push(null);
    },
  });
}
