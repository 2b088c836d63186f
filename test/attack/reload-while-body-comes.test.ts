// A request keeps the snapshot that it began with. One whose body is still being read at a reload leaves through the door of that
// snapshot afterwards, so that door must not have been closed behind it.
import { expect, test } from 'vitest';
import { Wire } from '../rig/upstream.ts';
import { headWith, startWorld } from './world.ts';

const world = await startWorld();
const LINES = 'Content-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n';

test('a search that a reload overtakes is answered', async () => {
  const wire = await Wire.open(world.rig.search);
  wire.write(headWith(LINES, 'POST /reports/_search HTTP/1.1'));
  await wire.until(/100 Continue/);
  expect(await world.rig.domicile.reload('test')).toBe(true);
  wire.write('{}');
  const said = await wire.until(/x-residency-reason: \S+/);
  expect(said).toContain('x-residency-reason: in_residency');
  expect(said).not.toContain('502 Bad Gateway');
  wire.socket.destroy();
});

test('the door of the old snapshot closes once its last request has left', async () => {
  const { door } = world.rig.domicile.plane.proxy.snapshot;
  const wire = await Wire.open(world.rig.search);
  wire.write(headWith(LINES, 'POST /reports/_search HTTP/1.1'));
  await wire.until(/100 Continue/);
  expect(await world.rig.domicile.reload('test')).toBe(true);
  wire.write('{}');
  await wire.until(/x-residency-reason: \S+/);
  await expect.poll(() => door.connections(0, 'opensearch')).toEqual({ active: 0, idle: 0, pending: 0 });
  wire.socket.destroy();
});
