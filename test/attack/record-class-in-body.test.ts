// A model is on record as one for identity data: tools of the provider, and state, are then refused. A request that claims a class
// for which they are not, and names the model in its body, must be looked into again when the class is raised by that name.
import { expect, test } from 'vitest';
import { startFed } from './fed-world.ts';

const fed = await startFed();
fed.control.documents = () => {
  const document = fed.document();
  return { ...document, policies: { ...document.policies!, records: [['gpt-4o-students', 'identity']] } };
};

async function ask(model: string): Promise<string | null> {
  const response = await fetch(`${fed.inference}/v1/responses`, {
    method: 'POST',
    headers: { 'x-tenant-id': 'acme', 'x-data-classification': 'content', 'content-type': 'application/json' },
    body: JSON.stringify({ model, input: 'x', tools: [{ type: 'web_search' }], store: false }),
  });
  await response.arrayBuffer();
  return response.headers.get('x-residency-reason');
}

test('what the raised class forbids in a body is refused', async () => {
  expect(await ask('gpt-4o')).toBe('in_residency');
  expect(await ask('gpt-4o-students')).toBe('leak_blocked');
  expect(fed.upstream['eu-west'].requests.length).toBe(1);
});
