import { readFileSync } from 'node:fs';

/** Version of this package, from its manifest: two folders up, from the sources and from the build alike. */
export function version(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return manifest.version;
}
