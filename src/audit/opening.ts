import type { EvidenceLogOptions } from './evidence-log.ts';
import type { Found, FromWriter } from './messages.ts';
import { openThread, type OpenPort, type WriterPort } from './thread.ts';

/** A writer while it opens a log: nobody is there yet for what it answers. */
export class Opening {
  readonly port: WriterPort;
  verifier = '';
  size = 0;
  found: Found = { closed: true, lastTime: null };
  #answer: (message: FromWriter) => void = () => undefined;
  #lost: (error: Error) => void = () => undefined;

  private constructor(openPort: OpenPort) {
    this.port = openPort(
      (message) => this.#answer(message),
      (error) => this.#lost(error),
    );
  }

  static async of({ state, sidecar, key, openPort }: EvidenceLogOptions, name: string): Promise<Opening> {
    const opening = new Opening(openPort ?? openThread);
    const answer = Promise.withResolvers<FromWriter>();
    opening.attach(answer.resolve, answer.reject);
    opening.port.post({ type: 'open', place: { state, sidecar, name, key } }, []);
    const message = await answer.promise;
    if (message.type === 'opened') {
      opening.port.hold(false);
      return Object.assign(opening, { verifier: message.verifier, size: message.size, found: message.found });
    }
    await opening.port.end();
    throw new Error(message.type === 'refused' ? message.error : `${message.type} answers nothing`);
  }

  attach(answer: (message: FromWriter) => void, lost: (error: Error) => void): void {
    this.#answer = answer;
    this.#lost = lost;
  }
}
