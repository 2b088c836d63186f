#!/usr/bin/env node
import module from 'node:module';
import './node-version.ts';

// What was compiled once need not be at the next start: a third of the time that one takes.
module.enableCompileCache();
// Whoever reads our output may have seen enough, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
// Loaded only after the check: older versions cannot even parse the rest.
const { main } = await import('./cli/main.ts');
process.exitCode = await main(process.argv.slice(2));
