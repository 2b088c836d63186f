#!/usr/bin/env node
import './node-version.ts';

// Loaded only after the check: older versions cannot even parse the rest.
const { main } = await import('./cli/main.ts');
process.exitCode = await main(process.argv.slice(2));
