// STYLE 4 and DESIGN 1.9, "Redirects": the proxy never follows one by itself, and an SDK that is shown one goes there by itself. The
// search endpoint answers with the address of another region.
import { expect, test } from 'vitest';
import { startStandIn } from '../../src/standin/standin.ts';
import { fieldOf } from './answers.ts';
import { startWorld } from './world.ts';

const elsewhere = await startStandIn((_, response) => response.end('{"hits":{}}'));
let status = 307;
const search = await startStandIn((request, response) => {
  request.resume();
  response.writeHead(status, { location: `${elsewhere.url}/notes/_search`, 'content-type': 'application/json' });
  response.end(request.method === 'HEAD' ? undefined : JSON.stringify({ location: elsewhere.url }));
});
const world = await startWorld({ replace: { 'eu-west': { search }, 'us-east': { search: elsewhere } } });

test.each([301, 302, 303, 307, 308])('a %d from search is refused, whatever the method', async (says) => {
  status = says;
  for (const method of ['GET', 'POST', 'HEAD', 'PUT', 'DELETE']) {
    const before = search.requests;
    const target = { GET: '/notes/_search', POST: '/notes/_search', HEAD: '/notes' }[method] ?? '/notes/_doc/1';
    const answer = await world.send({
      service: 'search',
      method,
      target,
      ...(method === 'POST' || method === 'PUT' ? { headers: { 'Content-Type': 'application/json' }, body: '{}' } : {}),
    });
    expect([answer.status, fieldOf(answer, 'x-residency-reason')]).toEqual([403, 'upstream_region_mismatch']);
    expect(fieldOf(answer, 'x-residency-decision')).toBe('deny');
    expect(fieldOf(answer, 'location')).toBeNull();
    expect(JSON.stringify(answer)).not.toContain(String(elsewhere.port));
    if (method !== 'HEAD') expect(answer.body).toContain('security_exception');
    expect(search.requests).toBe(before + 1);
    expect(elsewhere.bytes).toBe(0);
  }
});
