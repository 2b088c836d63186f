/** What an inference stand-in answers: JSON, bytes, or a stream of server-sent or AWS events. */
export type Reply =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly json: unknown }
  | { readonly bytes: Buffer; readonly type: string }
  | { readonly events: readonly (string | Buffer)[]; readonly type: string };

/** What was asked, read whole. */
export interface Ask {
  readonly method: string;
  /** Path as on the wire, without the query. */
  readonly path: string;
  /** The body's members; empty where it is no JSON object. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Where this stand-in says it is. */
  readonly cloudRegion: string;
  /** Seconds since 1970. */
  readonly now: number;
}

export const EVENT_STREAM = 'text/event-stream; charset=utf-8';

/** One server-sent event (HTML, section 9.2.6); without a name it is a bare `data:`. */
export function serverEvent(name: string | null, data: unknown): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  return `${name === null ? '' : `event: ${name}\n`}data: ${text}\n\n`;
}

/** What every stand-in says: where it was said, so that whoever reads it sees where the request went. */
export function saying(cloudRegion: string): string {
  return `This was answered in ${cloudRegion}.`;
}

/** A rough count, as billing has it: four characters make a token. */
export function tokensOf(value: unknown): number {
  return Math.max(1, Math.ceil(JSON.stringify(value ?? '').length / 4));
}

/** A text cut into the pieces that a stream sends. */
export function pieces(text: string): readonly string[] {
  return text.split(/(?<= )/);
}

/** A unit vector that depends on the text alone. */
export function vectorOf(text: string, dimensions: number): readonly number[] {
  let state = 2166136261;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 16777619) >>> 0;
  const vector = Array.from({ length: dimensions }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  });
  const length = Math.hypot(...vector);
  return vector.map((x) => x / length);
}
