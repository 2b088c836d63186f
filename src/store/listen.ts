import type { Client } from 'pg';

/** The one channel of changes. */
export const CHANNEL = 'domicile_changes';

/** Milliseconds. */
const FIRST_WAIT = 100;
const LONGEST_WAIT = 5000;

/**
 * Keeps one connection of its own that listens to the channel, and makes it anew, ever more patiently, when it breaks.
 * @param heard called for each announcement, and when the connection stands again: something may have been missed
 * @returns how to end it
 */
export function listen(makeClient: () => Client, heard: () => void): () => Promise<void> {
  let ended = false;
  let wait = FIRST_WAIT;
  let timer: NodeJS.Timeout | undefined;
  let client: Client | undefined;

  const again = (broken: Client): void => {
    if (ended || client !== broken) return;
    client = undefined;
    broken.end().catch(() => {}); // it is broken already
    timer = setTimeout(() => void begin(), wait * (0.5 + Math.random() / 2)).unref();
    wait = Math.min(wait * 2, LONGEST_WAIT);
  };
  const begin = async (): Promise<void> => {
    const fresh = makeClient();
    client = fresh;
    fresh.on('error', () => again(fresh));
    fresh.on('end', () => again(fresh));
    fresh.on('notification', heard);
    try {
      await fresh.connect();
      await fresh.query(`listen ${CHANNEL}`);
    } catch {
      again(fresh);
      return;
    }
    wait = FIRST_WAIT;
    heard();
  };
  void begin();

  return async () => {
    ended = true;
    clearTimeout(timer);
    await client?.end();
  };
}
