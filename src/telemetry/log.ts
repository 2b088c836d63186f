import { pino, type DestinationStream, type Logger } from 'pino';
import { describeError, Redactor, REDACTED } from './redact.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Whether a word is a level. */
export function isLogLevel(word: string): word is LogLevel {
  return (LOG_LEVELS as readonly string[]).includes(word);
}

/**
 * Fields of a line beside `timestamp`, `level` and `message` (DESIGN 1.8). Tenant data belongs in these and nowhere else:
 * never in the message. `error` is shown as by `describeError`. Absent and undefined fields are left out.
 */
export interface LogFields {
  tenant_id?: string | null;
  subject_id?: string | null;
  user_id?: string | null;
  region?: string | null;
  compliance_frameworks?: readonly string[];
  operation_type?: string | null;
  emergency_override?: boolean;
  request_id?: string;
  reason?: string;
  policy?: string | null;
  error?: unknown;
  [field: string]: unknown;
}

/** Fields that were checked when the request's facts were, or are words of ours: no secret can be in them. */
const PLAIN: ReadonlySet<string> = new Set([
  'tenant_id',
  'subject_id',
  'user_id',
  'region',
  'compliance_frameworks',
  'operation_type',
  'emergency_override',
  'request_id',
  'reason',
  'policy',
]);

export interface LogOptions {
  readonly level: LogLevel;
  /** Known secrets are taken out wherever they appear. Default: one that knows none, and goes by key and shape. */
  readonly redactor?: Redactor;
  /** Where lines go. Default: standard output, written asynchronously, flushed when the process exits. */
  readonly destination?: DestinationStream;
  /** Number of the worker, in each of its lines. Default: this is no worker, and there is no such field. */
  readonly worker?: number;
}

/** Several processes write to one pipe: up to this many bytes (PIPE_BUF) arrive in one piece, and lines stay whole. */
const PIECE = 4096;

/** One JSON object a line. Levels are words, timestamps ISO 8601 in UTC. */
export class Log {
  readonly #pino: Logger;
  readonly #destination: DestinationStream;
  readonly #redactor: Redactor;

  constructor(options: LogOptions) {
    this.#redactor = options.redactor ?? new Redactor();
    this.#destination = options.destination ?? pino.destination({ fd: 1, sync: false, maxWrite: PIECE });
    this.#pino = pino(
      {
        level: options.level,
        base: options.worker === undefined ? null : { worker: options.worker },
        messageKey: 'message',
        timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
        formatters: {
          level: (label) => ({ level: label }),
          log: (fields) => this.#clean(fields),
        },
      },
      this.#destination,
    );
  }

  get level(): LogLevel {
    return this.#pino.level as LogLevel;
  }

  /** From the next line on. */
  setLevel(level: LogLevel): void {
    this.#pino.level = level;
  }

  debug(message: string, fields: LogFields = {}): void {
    this.#write('debug', message, fields);
  }

  info(message: string, fields: LogFields = {}): void {
    this.#write('info', message, fields);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.#write('warn', message, fields);
  }

  error(message: string, fields: LogFields = {}): void {
    this.#write('error', message, fields);
  }

  fatal(message: string, fields: LogFields = {}): void {
    this.#write('fatal', message, fields);
  }

  /** Resolves when every line so far has been handed to the operating system. Rejects when that fails. */
  flush(): Promise<void> {
    const destination = this.#destination;
    if (!('flush' in destination) || typeof destination.flush !== 'function') return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    destination.flush((error?: Error | null) => (error ? reject(error) : resolve()));
    return promise;
  }

  #write(level: LogLevel, message: string, fields: LogFields): void {
    // The message is an argument, so that a `%` in it formats nothing.
    if (this.#pino.isLevelEnabled(level)) this.#pino[level](fields, '%s', this.#redactor.text(message));
  }

  #clean(fields: Record<string, unknown>): Record<string, unknown> {
    const clean: Record<string, unknown> = {};
    for (const key in fields) {
      const value = fields[key];
      if (PLAIN.has(key) || value === null || typeof value === 'number' || typeof value === 'boolean') {
        clean[key] = value;
      } else if (key === 'error') {
        clean[key] = describeError(value);
      } else {
        clean[key] = this.#redactor.isSecretKey(key) ? REDACTED : this.#redactor.redact(value);
      }
    }
    return clean;
  }
}

/**
 * Which requests have a line in the access log. Denials always have; so have notable ones (effect audit, a crossing of a
 * border, a widening used). `all` adds every other, a rate from 0 to 1 evenly spaced ones: with 0.01 each hundredth.
 *
 * @throws TypeError for a rate outside 0 to 1
 */
export function accessLog(setting: 'denials' | 'all' | number): (allowed: boolean, notable: boolean) => boolean {
  if (setting === 'all') return () => true;
  if (setting === 'denials') return (allowed, notable) => !allowed || notable;
  if (!(setting >= 0 && setting <= 1)) throw new TypeError(`log.access: a rate is from 0 to 1, not ${setting}`);
  let seen = 0;
  return (allowed, notable) => {
    if (!allowed || notable) return true;
    const before = Math.floor(seen * setting);
    seen++;
    return Math.floor(seen * setting) > before;
  };
}
