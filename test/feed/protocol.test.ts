import { describe, expect, it } from 'vitest';
import { Lines } from '../../src/feed/lines.ts';
import { fromClient, fromServer } from '../../src/feed/protocol.ts';
import { grant, MemorySource } from './source.ts';
import { HELLO } from './world.ts';

function document(): Record<string, unknown> {
  const source = new MemorySource();
  source.pin('acme', 'eu-west');
  source.give('acme', 'g-1');
  return JSON.parse(JSON.stringify(source.document('acme'))) as Record<string, unknown>;
}

describe('a message', () => {
  it.each([
    ['no JSON', '{"type":"beat"', 'a line is not JSON'],
    ['no object', '[]', 'a line is no message of this protocol'],
    ['null', 'null', 'a line is no message of this protocol'],
    ['an unknown type', '{"type":"shout"}', 'a line is no message of this protocol'],
    ['a type of an object', '{"type":"constructor"}', 'a line is no message of this protocol'],
    ['a server’s word', '{"type":"changed","nonce":1,"revision":1,"tenants":null,"world":true}', 'no message'],
    [
      'an unknown key',
      JSON.stringify({ type: 'beat', revision: 1, more: 1 }),
      'a message beat is misshapen: more unknown key',
    ],
    ['a missing key', '{"type":"beat"}', 'a message beat is misshapen: revision is missing'],
    ['a revision below 0', '{"type":"beat","revision":-1}', 'a message beat is misshapen: revision -1 is out of range'],
    ['half a revision', '{"type":"beat","revision":1.5}', 'a message beat is misshapen: revision 1.5 is out of range'],
    ['no tenant id', '{"type":"hold","tenants":["../etc"]}', 'a message hold is misshapen: tenants.0 "../etc"'],
    ['a name with a line break', JSON.stringify({ ...HELLO, name: 'a\nb' }), 'a message hello is misshapen: name'],
    ['no grants', '{"type":"take","id":1,"grants":[]}', 'a message take is misshapen: grants is an empty list'],
  ])('of a client that is %s is refused', (_, line, why) => {
    expect(() => fromClient(line)).toThrow(why);
  });

  it('that is refused does not repeat a token', () => {
    expect(() => fromClient(JSON.stringify({ ...HELLO, token: 'x'.repeat(5000) }))).toThrow(
      'a message hello is misshapen: token is too long',
    );
    expect(() => fromClient(JSON.stringify({ ...HELLO, token: ['hunter2'] }))).not.toThrow('hunter2');
  });

  it('of a server with a document is taken as it is', () => {
    const message = { type: 'bundles', nonce: 1, id: 1, bundles: [document()] };
    expect(fromServer(JSON.stringify(message))).toEqual(message);
  });

  it.each([
    ['without prohibitions', (policy: Record<string, unknown>) => delete policy['prohibitedRegions']],
    ['with a rule that is unknown here', (policy: Record<string, unknown>) => (policy['onlyOnTuesdays'] = true)],
    ['of an unknown mode', (policy: Record<string, unknown>) => (policy['mode'] = 'anywhere')],
    ['of another tenant', (policy: Record<string, unknown>) => (policy['tenantId'] = 'globex')],
  ])('of a server with a policy %s is refused', (_, spoil) => {
    const spoilt = document();
    spoil((spoilt['policies'] as { policies: Record<string, unknown>[] }).policies[0]!);
    expect(() => fromServer(JSON.stringify({ type: 'bundles', nonce: 1, id: 1, bundles: [spoilt] }))).toThrow();
  });

  it('of a server with another tenant’s grant is refused', () => {
    const spoilt = document();
    (spoilt['policies'] as { grants: unknown[] }).grants.push(grant('globex', 'g-2'));
    expect(() => fromServer(JSON.stringify({ type: 'bundles', nonce: 1, id: 1, bundles: [spoilt] }))).toThrow(
      'the bundle of acme holds something of globex',
    );
  });
});

describe('lines', () => {
  /** What they are of these pieces. */
  function read(pieces: readonly (string | Buffer)[], limit = 16): string[] {
    const lines = new Lines(limit);
    const found: string[] = [];
    for (const piece of pieces) lines.take(Buffer.from(piece as string), (line) => found.push(line) > 0);
    return found;
  }

  it('are the same however they are cut', () => {
    const text = Buffer.from('eins\nzwölf\ndrei\n');
    for (let cut = 0; cut < text.length; cut++)
      expect(read([text.subarray(0, cut), text.subarray(cut)])).toEqual(['eins', 'zwölf', 'drei']);
    expect(read([...text].map((byte) => Buffer.from([byte])))).toEqual(['eins', 'zwölf', 'drei']);
  });

  it('end at the bound, as soon as it is passed', () => {
    expect(read(['x'.repeat(16), '\n'])).toEqual(['x'.repeat(16)]);
    expect(() => read(['x'.repeat(16), 'x'])).toThrow('a line is longer than 16 bytes');
  });

  it('that are empty or no UTF-8 are none', () => {
    expect(() => read(['a\n\n'])).toThrow('a line is empty');
    expect(() => read([Buffer.from([0xc3, 0x28, 0x0a])])).toThrow('a line is not UTF-8');
  });

  it('after one that ended it all are not read', () => {
    const found: string[] = [];
    new Lines(16).take(Buffer.from('a\nb\n'), (line) => {
      found.push(line);
      return false;
    });
    expect(found).toEqual(['a']);
  });
});
