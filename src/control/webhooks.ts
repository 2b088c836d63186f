import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { claimDeliveries, forgetEvents, planDeliveries, settleDelivery, type Delivery } from '../store/events.ts';
import type { Store } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import type { WebhookSettings } from './context.ts';
import { eventsOf } from './events.ts';

/** Milliseconds. */
export interface WebhookTimes {
  /** Until a receiver must have answered. */
  readonly timeout: number;
  /** Before the first retry; it doubles with each. */
  readonly firstRetry: number;
  /** Between two looks for what is due. */
  readonly each: number;
}

const TIMES: WebhookTimes = { timeout: 5000, firstRetry: 1000, each: 1000 };

const HOUR = 3_600_000;
/** The longest pause between two attempts. */
const LONGEST_RETRY = HOUR;
/** An event that could not be delivered so long is given up. */
export const GIVEN_UP_AFTER = 24 * HOUR;
/** Events are kept so long, for whoever asks what was delivered. */
const KEPT = 7 * 24 * HOUR;
/** A change that began before another may be seen after it. */
const OVERLAP = 60_000;
/** Deliveries under way at once to one receiver. */
const AT_ONCE = 8;

/**
 * Tells webhooks of what people and time have done: each event at least once, in no certain order, retried with back-off
 * for a day. Receivers tell repeats by `X-Domicile-Delivery`. Several replicas share the work.
 */
export class Webhooks {
  readonly #hooks: readonly Webhook[];

  /** @param times for tests; the defaults are 5 s to answer, and 1 s before the first retry */
  constructor(store: Store, settings: readonly WebhookSettings[], log: Log, times: WebhookTimes = TIMES) {
    this.#hooks = settings.map((hook) => new Webhook(store, hook, log, times));
  }

  start(): void {
    for (const hook of this.#hooks) hook.start();
  }

  /** Resolves once what is under way is over. */
  async close(): Promise<void> {
    await Promise.all(this.#hooks.map((hook) => hook.close()));
  }
}

/** One receiver: a slow one keeps no other waiting. */
class Webhook {
  readonly #store: Store;
  readonly #settings: WebhookSettings;
  readonly #log: Log;
  readonly #times: WebhookTimes;
  readonly #stop = new AbortController();
  #wake: () => void = () => {};
  #unsubscribe: () => void = () => {};
  #running: Promise<void> = Promise.resolve();
  /** Events up to here have their deliveries; milliseconds since the epoch. */
  #planned = 0;
  #forgotten = 0;
  /** Told once, until it goes on. */
  #failing = false;

  constructor(store: Store, settings: WebhookSettings, log: Log, times: WebhookTimes) {
    this.#store = store;
    this.#settings = settings;
    this.#log = log;
    this.#times = times;
  }

  start(): void {
    this.#unsubscribe = this.#store.onRevision(() => this.#wake());
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    this.#stop.abort();
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      // Before the look: what comes during it wakes again.
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      try {
        await this.#deliverDue();
        this.#failing = false;
      } catch (error) {
        if (!this.#failing)
          this.#log.error('webhooks: the store does not serve; trying again until it does', { error });
        this.#failing = true;
      }
      const pause = new AbortController();
      await Promise.race([
        woken,
        sleep(this.#times.each, undefined, { signal: pause.signal, ref: false }).catch(() => {}),
      ]);
      pause.abort();
    }
  }

  async #deliverDue(): Promise<void> {
    const { url, events } = this.#settings;
    const now = await this.#store.now();
    const oldest = now - GIVEN_UP_AFTER;
    await planDeliveries(
      this.#store,
      { url: url.href, kinds: eventsOf(events) },
      Math.max(this.#planned - OVERLAP, oldest),
    );
    this.#planned = now;
    while (!this.#stop.signal.aborted) {
      // A lease outlasts an attempt: whoever takes it over knows that nobody is at it.
      const lease = this.#times.timeout * 2;
      const claimed = await claimDeliveries(this.#store, url.href, { since: oldest, lease, limit: AT_ONCE });
      if (claimed.length === 0) break;
      await Promise.all(claimed.map((delivery) => this.#deliver(delivery)));
    }
    if (now - this.#forgotten < HOUR) return;
    this.#forgotten = now;
    await forgetEvents(this.#store, now - KEPT);
  }

  async #deliver(delivery: Delivery): Promise<void> {
    const error = await this.#send(delivery);
    if (error === null) return settleDelivery(this.#store, delivery, { delivered: true });
    const retryIn = retryAfter(delivery.attempts, this.#times.firstRetry, Math.random());
    const { event, attempts } = delivery;
    const last = (await this.#store.now()) + retryIn >= event.at + GIVEN_UP_AFTER;
    const what = { event: event.kind, delivery: event.id, receiver: this.#settings.url.origin, attempts, why: error };
    if (last) this.#log.error('webhook given up: the receiver never took it', what);
    else if (attempts === 1) this.#log.warn('webhook not delivered yet; trying again', what);
    await settleDelivery(this.#store, delivery, { delivered: false, error, retryIn });
  }

  /** Null once the receiver has taken it, else what went wrong. */
  async #send({ event }: Delivery): Promise<string | null> {
    const { url, secret } = this.#settings;
    const body = JSON.stringify({
      id: event.id,
      event: event.kind,
      tenant_id: event.tenant,
      object_id: event.object_id,
      at: new Date(event.at).toISOString(),
      data: JSON.parse(event.body) as unknown,
    });
    const timestamp = String(Math.floor((await this.#store.now()) / 1000));
    try {
      const answer = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'Domicile-Webhook',
          'x-domicile-event': event.kind,
          'x-domicile-delivery': event.id,
          'x-domicile-timestamp': timestamp,
          'x-domicile-signature': `sha256=${webhookSignature(secret, timestamp, body)}`,
        },
        body,
        redirect: 'manual', // the signature is for this receiver
        signal: AbortSignal.timeout(this.#times.timeout),
      });
      await answer.body?.cancel();
      return answer.ok ? null : `answered ${answer.status}`;
    } catch (error) {
      const { name, cause } = error as Error;
      if (name === 'TimeoutError') return `no answer within ${this.#times.timeout} ms`;
      return `cannot be reached (${(cause as NodeJS.ErrnoException | undefined)?.code ?? name})`;
    }
  }
}

/** HMAC-SHA-256 over `TIMESTAMP.BODY`, hexadecimal: what a receiver compares. */
function webhookSignature(secret: string, timestamp: string, body: string): string {
  return createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
}

/** Milliseconds until the next attempt: twice as long each time, up to an hour, between half and all of it. */
function retryAfter(attempts: number, first: number, chance: number): number {
  const most = Math.min(first * 2 ** (attempts - 1), LONGEST_RETRY);
  return Math.round(most * (0.5 + chance / 2));
}
