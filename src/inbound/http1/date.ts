let second = 0;
let line = '';

/** The `date` field of an answer of ours, as a line (RFC 9110 §6.6.1). Made once a second. */
export function dateLine(): string {
  const now = Math.floor(Date.now() / 1000);
  if (now !== second) {
    second = now;
    line = `date: ${new Date(now * 1000).toUTCString()}\r\n`;
  }
  return line;
}
