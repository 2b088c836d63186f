// PROTOCOLS, leak table "OpenSearch", row "PPL/SQL": a query text names its indices, remote ones too, in a language that a
// guard would have to parse as the server does.
import { test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld();

test.each([
  ['/_plugins/_ppl', { query: 'source=us:notes' }],
  ['/_plugins/_ppl/_explain', { query: 'source=notes' }],
  ['/_plugins/_sql', { query: 'SELECT * FROM us:notes' }],
  ['/_plugins/_sql?format=csv', { query: 'SELECT * FROM notes' }],
  ['/_plugins/_sql/close', { cursor: 'd:eyJhIjp7fX0=' }],
  ['/_opendistro/_sql', { query: 'SELECT * FROM notes' }],
  ['/_opendistro/_ppl', { query: 'source=us:notes' }],
  ['/_sql', { query: 'SELECT * FROM notes' }],
  ['/_plugins/_async_query', { datasource: 'us', lang: 'sql', query: 'SELECT 1' }],
])('%s is refused for every class', async (target, body) => {
  for (const classification of ['identity', 'analytical']) {
    await world.refuses(
      {
        service: 'search',
        method: 'POST',
        target,
        classification,
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      },
      { reason: 'operation_not_permitted' },
    );
  }
});
