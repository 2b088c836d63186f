import { lstatSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';

/** Removes the socket that a dead process left at `path`; never one that is answered, nor a file of any other kind. */
export async function removeDeadSocket(path: string): Promise<void> {
  // A plain file refuses connections too.
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  const dead = await new Promise<boolean>((resolve) => {
    const probe = connect({ path }, () => {
      probe.destroy();
      resolve(false); // whoever binds is then told that it is in use
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
  if (dead) unlinkSync(path);
}
