// PROTOCOLS, leak table "Other inference", row "Anthropic": a request without `inference_geo` is inferred where its workspace's
// default says, normally `global`. So the endpoint's geography is put into every body, and a client's own that differs is
// refused, in every class; an endpoint for which nobody states where it infers serves no inference at all.
import { expect, test } from 'vitest';
import { ask, membersOf, saying } from './inference-asks.ts';
import { EU_WEST, startInferenceWorld, US_EAST } from './inference-world.ts';

const world = await startInferenceWorld({
  regions: [US_EAST, EU_WEST],
  endpoints: { anthropic: { inference_geo: 'us', processing: null } },
});
const bound = await startInferenceWorld();
const unstated = await startInferenceWorld({ endpoints: { anthropic: { processing: null } } });

test.each(['global', 'eu', 'US', 'us ', '', 1, ['us'], { geo: 'us' }, true, false])(
  'a geography of %j is refused in every class',
  async (inference_geo) => {
    for (const classification of ['identity', 'content'])
      await world.refuses(
        { ...saying('anthropic', { inference_geo }), classification },
        { reason: 'leak_blocked', leak: 'inference_geo' },
      );
  },
);

test('one that is named where the endpoint has none is refused', async () => {
  for (const inference_geo of ['us', 'global'])
    await bound.refuses(saying('anthropic', { inference_geo }), { reason: 'leak_blocked', leak: 'inference_geo' });
});

test.each(['Inference_Geo', 'INFERENCE_GEO', 'Workspace_Id', 'Model', 'Fallbacks'])(
  'the near miss %s, which a lenient parser takes for the real one, is refused',
  async (key) => {
    const attack = saying('anthropic', { [key]: 'global' });
    for (const classification of ['identity', 'content'])
      await world.refuses({ ...attack, classification }, { reason: 'leak_blocked', leak: 'key_case' });
  },
);

test('said twice, also with escapes, it is malformed', async () => {
  for (const pair of [
    '"inference_geo":"us","inference_geo":"global"',
    '"inference_geo":"us","inference\\u005fgeo":"global"',
  ])
    await world.refuses(ask('anthropic', { body: `{${membersOf('anthropic')},${pair}}` }), {
      reason: 'request_malformed',
    });
});

test('another workspace, whose default may be another, is refused by header and by body', async () => {
  const refused = { reason: 'leak_blocked', leak: 'workspace' } as const;
  await world.refuses(ask('anthropic', { headers: { 'anthropic-workspace-id': 'wrkspc_1' } }), refused);
  await world.refuses(saying('anthropic', { workspace_id: 'wrkspc_1' }), refused);
});

test('a model that the service would choose by itself is refused', async () => {
  const attack = { ...saying('anthropic', { fallbacks: 'default' }), classification: 'content' };
  await world.refuses(attack, { reason: 'leak_blocked', leak: 'model_unnamed' });
});

test('an endpoint that states neither a geography nor that it infers in its region serves nothing', async () => {
  for (const classification of ['identity', 'content']) {
    await unstated.refuses(ask('anthropic', { classification }), { reason: 'no_compliant_region' });
    const list = {
      method: 'GET',
      target: '/v1/models',
      body: undefined,
      headers: { 'anthropic-version': '2023-06-01' },
    };
    await unstated.refuses(ask('anthropic', { ...list, classification }), { reason: 'no_compliant_region' });
  }
});

test.each([
  ['nothing', ''],
  ['null', ',"inference_geo":null'],
  ['null with escapes', ',"inference\\u005fgeo":null'],
  ['the same', ',"inference_geo":"us"'],
])('a body that says %s of it is sent with the endpoint’s', async (_, more) => {
  for (const target of ['/v1/messages', '/v1/messages?beta=true', '/v1/messages/count_tokens']) {
    const { body } = await world.forwards(ask('anthropic', { target, body: `{${membersOf('anthropic')}${more}}` }));
    expect(JSON.parse(body)).toMatchObject({ inference_geo: 'us' });
  }
});
