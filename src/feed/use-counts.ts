import { TENANTS_A_LINE, type FromClient } from './protocol.ts';

/** Grants and overrides whose uses are counted at once. */
const COUNTED = 100_000;

/** Uses that need no leave, counted until they are told. Told once: what is lost on its way is counted too low, never too high. */
export class UseCounts {
  readonly #send: (message: FromClient) => boolean;
  readonly #counts = new Map<string, number>();

  /** @param send false: there is nobody to send it to */
  constructor(send: (message: FromClient) => boolean) {
    this.#send = send;
  }

  note(id: string): void {
    if (this.#counts.size < COUNTED || this.#counts.has(id)) this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
  }

  /** What cannot be sent now is kept. */
  send(): void {
    const counts = [...this.#counts];
    for (let i = 0; i < counts.length; i += TENANTS_A_LINE) {
      const some = counts.slice(i, i + TENANTS_A_LINE);
      if (!this.#send({ type: 'uses', counts: some })) return;
      for (const [id] of some) this.#counts.delete(id);
    }
  }
}
