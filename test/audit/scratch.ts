import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';

/** Where logs are tried: in memory where that can be had, as how fast a disk syncs has no say in what is tested. */
export const SCRATCH = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
