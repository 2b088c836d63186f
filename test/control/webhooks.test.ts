import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { WebhookSettings } from '../../src/control/context.ts';
import { Expiry } from '../../src/control/expiry.ts';
import { EVENT_KINDS } from '../../src/control/events.ts';
import { Webhooks } from '../../src/control/webhooks.ts';
import { StoredUses } from '../../src/store/uses.ts';
import { OVERRIDE, People, REQUEST, type Send } from './people.ts';

const SECRET = 'a shared secret';
const HOUR = 3_600_000;
/** Quick enough for a test. */
const TIMES = { timeout: 500, firstRetry: 20, each: 20 };

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
}

/** What a receiver does with a delivery: a status, or null to leave it without an answer. */
type Behaviour = (received: Received, before: number) => number | null;

class Receiver {
  readonly received: Received[] = [];
  readonly #server: Server;
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(behave: Behaviour = () => 204): Promise<Receiver> {
    const server = createServer();
    const receiver = new Receiver(server);
    server.on('request', (request, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () => {
        const text = Buffer.concat(pieces).toString('utf8');
        const received = { headers: request.headers, text, body: JSON.parse(text) };
        const status = behave(received, receiver.received.length);
        receiver.received.push(received);
        for (const { count, resolve } of receiver.#waiting) if (receiver.received.length >= count) resolve();
        if (status !== null) response.writeHead(status, { location: '/elsewhere' }).end('thank you');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  hook(more: Partial<WebhookSettings> = {}): WebhookSettings {
    const { port } = this.#server.address() as AddressInfo;
    return { url: new URL(`http://127.0.0.1:${port}/hook`), secret: SECRET, events: [], ...more };
  }

  /** Resolves once so many deliveries have come. */
  atLeast(count: number): Promise<void> {
    if (this.received.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }

  kinds(): string[] {
    return this.received.map(({ headers }) => headers['x-domicile-event'] as string);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

let people: People;
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const each of open.splice(0).toReversed()) await each.close();
  await people.close();
});

async function office(): Promise<{ alice: Send; bob: Send; carol: Send; sre: Send }> {
  people = await People.open();
  return {
    alice: await people.someone('requester', 'alice'),
    bob: await people.someone('approver', 'bob'),
    carol: await people.someone('approver', 'carol'),
    sre: await people.someone('breakglass', 'sre'),
  };
}

async function receiver(behave?: Behaviour): Promise<Receiver> {
  const started = await Receiver.start(behave);
  open.push(started);
  return started;
}

function tell(...hooks: WebhookSettings[]): void {
  const webhooks = new Webhooks(people.store, hooks, people.rig.context.log, TIMES);
  webhooks.start();
  open.push(webhooks);
}

async function sweep(): Promise<void> {
  const { store, settings, log } = people.rig.context;
  await new Expiry(store, settings.approvals, log).sweep();
}

function later(ms: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms });
}

describe('a webhook', () => {
  it('is told what happened, signed over time and body as a receiver checks it', async () => {
    const { alice } = await office();
    const there = await receiver();
    tell(there.hook());
    const { body } = await alice('POST', '/access/request', REQUEST);
    await there.atLeast(1);
    const [first] = there.received as [Received];
    expect(first.body).toMatchObject({
      event: 'access.requested',
      tenant_id: 'acme',
      object_id: body.request_id,
      data: { request_id: body.request_id, status: 'pending', requester: 'alice', to_region: 'us-east' },
    });
    expect(first.headers).toMatchObject({
      'content-type': 'application/json',
      'x-domicile-event': 'access.requested',
      'x-domicile-delivery': first.body.id,
    });
    const timestamp = first.headers['x-domicile-timestamp'] as string;
    expect(Math.abs(Number(timestamp) - Date.now() / 1000)).toBeLessThan(10);
    const signature = /^sha256=([0-9a-f]{64})$/.exec(first.headers['x-domicile-signature'] as string)?.[1] as string;
    const expected = createHmac('sha256', SECRET).update(timestamp).update('.').update(first.text).digest();
    expect(timingSafeEqual(Buffer.from(signature, 'hex'), expected)).toBe(true);
  });

  it('is told of every step of people and of time, by its kind', async () => {
    const { alice, bob, carol, sre } = await office();
    const there = await receiver();
    tell(there.hook());
    const ask = async (more: object = {}) =>
      (await alice('POST', '/access/request', { ...REQUEST, ...more })).body.request_id;
    const approve = async (id: string, approved = true) =>
      (await bob('POST', '/access/approve', { request_id: id, approved })).body.grant_id;
    await approve(await ask(), false);
    await alice('POST', '/access/revoke', { request_id: await ask() });
    await alice('POST', '/access/revoke', { grant_id: await approve(await ask()) });
    const once = await approve(await ask({ max_uses: 1 }));
    const uses = new StoredUses(people.store);
    await uses.take([{ id: once, maxUses: 1, notBefore: 0, notAfter: Infinity }]);
    await ask();
    const override = async () => (await sre('POST', '/emergency/override', OVERRIDE)).body.override_id;
    const decide = (who: Send, id: string, approved: boolean) =>
      who('POST', `/emergency/overrides/${id}/approve`, { approved });
    const active = await override();
    await decide(bob, active, true);
    await decide(carol, active, true);
    await uses.add([[active, 1]]);
    await decide(bob, await override(), false);
    await sre('POST', `/emergency/overrides/${await override()}/revoke`, {});
    await sweep();
    await there.atLeast(21);
    later(2 * HOUR);
    await sweep();
    await there.atLeast(24);
    later(23 * HOUR);
    await sweep();
    await sweep();
    const expected = {
      'access.requested': 5,
      'access.approved': 2,
      'access.denied': 1,
      'access.revoked': 1,
      'access.expired': 1,
      'grant.used': 2,
      'grant.expired': 1,
      'grant.revoked': 1,
      'override.requested': 3,
      'override.approved': 2,
      'override.activated': 1,
      'override.denied': 1,
      'override.used': 1,
      'override.expired': 1,
      'override.revoked': 1,
      'override.review_overdue': 1,
    };
    expect(Object.keys(expected).sort()).toEqual([...EVENT_KINDS].sort());
    await there.atLeast(Object.values(expected).reduce((sum, count) => sum + count, 0));
    const counts = Object.fromEntries(
      Object.entries(Object.groupBy(there.kinds(), (kind) => kind)).map(([kind, all]) => [kind, all?.length] as const),
    );
    expect(counts).toEqual(expected);
    const used = there.received.filter(({ body }) => body.event === 'grant.used');
    expect(used.map(({ body }) => body.data.uses_left)).toEqual([0, 0]);
  });

  it('is told of the kinds that it asks for only', async () => {
    const { alice, bob } = await office();
    const all = await receiver();
    const some = await receiver();
    tell(all.hook(), some.hook({ events: ['access.approved'] }));
    const { body } = await alice('POST', '/access/request', REQUEST);
    await bob('POST', '/access/approve', { request_id: body.request_id, approved: true });
    await Promise.all([all.atLeast(2), some.atLeast(1)]);
    expect(some.kinds()).toEqual(['access.approved']);
  });

  it('that names a group is told of all of that group, and of nothing else', async () => {
    const { alice, sre } = await office();
    const there = await receiver();
    tell(there.hook({ events: ['override'] }));
    await alice('POST', '/access/request', REQUEST);
    const id = (await sre('POST', '/emergency/override', OVERRIDE)).body.override_id;
    await sre('POST', `/emergency/overrides/${id}/revoke`, {});
    await there.atLeast(2);
    expect(there.kinds()).toEqual(['override.requested', 'override.revoked']);
  });

  it('that fails, redirects or does not answer is told again until it takes it, by the same delivery id', async () => {
    const { alice } = await office();
    const ways: readonly (number | null)[] = [503, 302, null, 200];
    const there = await receiver((_, before) => ways[before] as number | null);
    tell(there.hook());
    await alice('POST', '/access/request', REQUEST);
    await there.atLeast(4);
    expect(new Set(there.received.map(({ headers }) => headers['x-domicile-delivery'])).size).toBe(1);
    expect(new Set(there.received.map(({ text }) => text)).size).toBe(1);
    await vi.waitFor(async () => {
      const row = await people.store.db.selectFrom('deliveries').selectAll().executeTakeFirstOrThrow();
      expect(row).toMatchObject({ attempts: 4, last_error: null });
      expect(row.delivered_at).not.toBeNull();
    });
    expect(there.received).toHaveLength(4);
  });

  it('that is flaky gets every event in the end', async () => {
    const { alice } = await office();
    let turn = 0;
    const taken = new Set<string>();
    const { promise, resolve } = Promise.withResolvers<void>();
    const there = await receiver(({ body }) => {
      if (turn++ % 3 !== 0) return 500;
      taken.add(body.object_id);
      if (taken.size === 12) resolve();
      return 200;
    });
    tell(there.hook());
    const ids: string[] = [];
    for (let i = 0; i < 12; i++) ids.push((await alice('POST', '/access/request', REQUEST)).body.request_id);
    await promise;
    expect([...taken].sort()).toEqual(ids.sort());
  });

  it('that is slow keeps no other waiting', async () => {
    const { alice } = await office();
    const slow = await receiver(() => null);
    const quick = await receiver();
    tell(slow.hook(), quick.hook());
    await alice('POST', '/access/request', REQUEST);
    await alice('POST', '/access/request', REQUEST);
    await quick.atLeast(2);
    expect(quick.received).toHaveLength(2);
  });

  it('hears of what happened while the control plane was down, and of nothing twice from two replicas', async () => {
    const { alice } = await office();
    const there = await receiver();
    for (let i = 0; i < 20; i++) await alice('POST', '/access/request', REQUEST);
    for (let replica = 0; replica < 2; replica++) tell(there.hook());
    await there.atLeast(20);
    for (let i = 0; i < 10; i++) await alice('POST', '/access/request', REQUEST);
    await there.atLeast(30);
    await vi.waitFor(async () => {
      const open = await people.store.db
        .selectFrom('deliveries')
        .select('event_id')
        .where('delivered_at', 'is', null)
        .execute();
      expect(open).toEqual([]);
    });
    expect(new Set(there.received.map(({ body }) => body.id)).size).toBe(30);
    expect(there.received).toHaveLength(30);
  });

  it('is shown to operators of all tenants, without what its URL may hold', async () => {
    const there = await receiver((_, before) => (before === 0 ? 200 : 500));
    const hook = there.hook({ events: ['access.requested'] });
    people = await People.open({ settings: { webhooks: [hook] } });
    const alice = await people.someone('requester', 'alice');
    await people.someone('approver', 'bob');
    tell(hook);
    for (let i = 1; i <= 2; i++) {
      await alice('POST', '/access/request', REQUEST);
      await there.atLeast(i);
    }
    const operator = await people.someone('operator', 'olga', null);
    await vi.waitFor(async () => {
      const { body } = await operator('GET', '/webhooks');
      expect(body.items).toEqual([
        {
          receiver: hook.url.origin,
          events: ['access.requested'],
          delivered: 1,
          waiting: 1,
          last_error: 'answered 500',
        },
      ]);
    });
    expect((await alice('GET', '/webhooks')).status).toBe(403);
  });

  it('is given up after a day, and the log says so', async () => {
    const { alice } = await office();
    const there = await receiver(() => 500);
    const { body } = await alice('POST', '/access/request', REQUEST);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse(body.created_at) + 24 * HOUR - 5 });
    tell(there.hook());
    await vi.waitFor(() => expect(people.rig.lines.join('\n')).toContain('webhook given up'));
    const { length } = there.received;
    later(HOUR);
    await alice('POST', '/access/request', REQUEST);
    await there.atLeast(length + 1);
    expect(there.received.slice(length).every(({ body }) => body.at > there.received[0]!.body.at)).toBe(true);
  });
});
