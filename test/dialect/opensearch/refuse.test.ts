import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Client, errors } from '@opensearch-project/opensearch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REASON_NAMES, statusOf } from '../../../src/core/reasons.ts';
import { dialect, headOf } from './journey.ts';

const ID = 'req-1';

const type = (status: number) => {
  const answer = dialect.refuse(headOf('GET', '/'), 'request_malformed', status, 'No.', ID);
  return (JSON.parse(answer.body) as { error: { type: string } }).error.type;
};

describe('a refusal in OpenSearch’s words', () => {
  it('has the error object of the server, with the reason and the request id', () => {
    const answer = dialect.refuse(headOf('GET', '/idx/_search'), 'leak_blocked', 403, 'No.', ID);
    expect(answer.headers).toEqual(['content-type', 'application/json; charset=UTF-8']);
    const cause = { type: 'security_exception', reason: 'No. [leak_blocked, request req-1]' };
    expect(JSON.parse(answer.body)).toEqual({ error: { root_cause: [cause], ...cause }, status: 403 });
  });

  it('has a type that fits, for the status of every reason', () => {
    expect(type(400)).toBe('illegal_argument_exception');
    expect(type(401)).toBe('security_exception');
    expect(type(413)).toBe('content_too_long_exception');
    expect(type(431)).toBe('illegal_argument_exception');
    expect(type(429)).toBe('rejected_execution_exception');
    expect(type(503)).toBe('unavailable_shards_exception');
    for (const reason of REASON_NAMES) expect(type(statusOf(reason))).toMatch(/_exception$|^exception$/);
  });

  it('has no body for HEAD', () => {
    expect(dialect.refuse(headOf('HEAD', '/idx'), 'no_policy', 403, 'No.', ID).body).toBe('');
  });
});

describe('the official client', () => {
  let server: Server;
  let client: Client;
  let attempts = 0;

  beforeAll(async () => {
    server = createServer((request, response) => {
      attempts++;
      const status = Number(request.headers['x-status']);
      const head = { method: request.method ?? '', target: request.url ?? '', headers: [] };
      const answer = dialect.refuse(head, 'leak_blocked', status, 'Not there.', ID);
      request.resume();
      response.writeHead(answer.status, [...answer.headers]);
      response.end(answer.body);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    client = new Client({ node: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  });

  afterAll(async () => {
    await client.close();
    server.close();
  });

  it.each([400, 403, 413, 429])('raises its ResponseError at %d, after one attempt', async (status) => {
    attempts = 0;
    const error = await client
      .search({ index: 'idx', body: {} }, { headers: { 'x-status': String(status) } })
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(errors.ResponseError);
    expect((error as errors.ResponseError).statusCode).toBe(status);
    expect((error as errors.ResponseError).message).toContain('Not there. [leak_blocked, request req-1]');
    expect(attempts).toBe(1);
  });
});
