import type { Request } from '../requests.ts';

/** What a load saw. Latencies in microseconds. */
export interface Load {
  readonly requests: number;
  readonly p50: number;
  readonly p99: number;
}

/**
 * Sends `request` over and over on `connections` kept connections for `seconds`, each as soon as the answer before it is
 * there. @throws Error when any answer has another status, or none comes
 */
export type Generator = (url: string, request: Request, connections: number, seconds: number) => Promise<Load>;
