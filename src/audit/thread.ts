/** The thread that has a log on disk, and what the other side holds of it: this file is both. */
import { parentPort, Worker, workerData } from 'node:worker_threads';
import type { FromWriter, ToWriter } from './messages.ts';
import { WriterService } from './writer-service.ts';

/** A writer at the other end of messages. */
export interface WriterPort {
  post(message: ToWriter, buffers: readonly ArrayBuffer[]): void;
  /** Whether it keeps the process alive. */
  hold(isHeld: boolean): void;
  /** Ends it, once it has done what it was sent. Resolves when it has. */
  end(): Promise<void>;
}

/** @param lost told once, when it has ended by itself: what it had not answered is lost */
export type OpenPort = (answer: (message: FromWriter) => void, lost: (error: Error) => void) => WriterPort;

const ROLE = 'domicile evidence writer';

/** Starts a thread with a writer. */
export const openThread: OpenPort = (answer, lost) => {
  // Whatever the process itself was started with: tests and tools preload modules that have no business there.
  const worker = new Worker(new URL(import.meta.url), { workerData: ROLE, name: 'evidence', execArgv: [] });
  const exit = Promise.withResolvers<void>();
  let hasEnded = false;
  const ended = (error: Error) => {
    if (!hasEnded) lost(error);
    hasEnded = true;
  };
  worker.on('message', answer);
  worker.on('error', ended);
  worker.on('exit', (code) => {
    ended(new Error(`it ended with code ${code}`));
    exit.resolve();
  });
  return {
    post: (message, buffers) => worker.postMessage(message, buffers),
    hold: (isHeld) => (isHeld ? worker.ref() : worker.unref()),
    end() {
      hasEnded = true;
      worker.ref();
      worker.postMessage(null, []);
      return exit.promise;
    },
  };
};

/** @param port whose other end is `openThread` */
function serve(port: NonNullable<typeof parentPort>): void {
  const service = new WriterService((message) => {
    port.postMessage(message, message.type === 'committed' ? message.buffers : []);
  });
  port.on('message', (message: ToWriter | null) => {
    if (message === null) port.close();
    else service.take(message);
  });
}

if (parentPort !== null && workerData === ROLE) serve(parentPort);
