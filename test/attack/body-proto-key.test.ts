// Issue 3, section 4: `__proto__`. A server written in JavaScript that merges what it parsed takes the members of `__proto__` for
// defaults of everything: a `store` or an `inference_geo` that no guard sees as a member of the body. The name is refused
// wherever it stands, in every class.
import { test } from 'vitest';
import { ask, membersOf } from './inference-asks.ts';
import { DIALECTS, startInferenceWorld } from './inference-world.ts';

const world = await startInferenceWorld();

test.each([
  '"__proto__":{"store":true,"inference_geo":"global"}',
  '"\\u005f_proto__":{"store":true}',
  '"__pr\\u006fto__":null',
  '"metadata":{"__proto__":{"x":1}}',
  '"x":[[{"__proto__":[]}]]',
  '"tools":[{"type":"function","name":"f","parameters":{"properties":{"__proto__":{}}}}]',
])('%s is malformed, whoever is asked', async (members) => {
  for (const dialect of DIALECTS)
    for (const classification of ['identity', 'content']) {
      const attack = ask(dialect, { classification, body: `{${membersOf(dialect)},${members}}` });
      await world.refuses(attack, { reason: 'request_malformed' });
    }
});

test.each(['constructor', 'prototype', 'toString', 'hasOwnProperty'])(
  '%s, a name that every object answers to, is no permitted member',
  async (key) => {
    for (const dialect of DIALECTS) {
      const attack = ask(dialect, { body: `{${membersOf(dialect)},"${key}":{"prototype":{"store":true}}}` });
      await world.refuses(attack, { reason: 'leak_blocked', leak: 'key_unknown' });
    }
  },
);
