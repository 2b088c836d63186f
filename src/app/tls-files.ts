import { readFileSync } from 'node:fs';
import type { TlsTexts } from '../inbound/tls.ts';
import type { TlsFiles } from './config/settings.ts';

/** The texts of a listener's files, or null where it has none. @throws Error naming the file when one cannot be read */
export function readTls(files: TlsFiles | null): TlsTexts | null {
  if (files === null) return null;
  return {
    cert: readFileSync(files.cert, 'utf8'),
    key: readFileSync(files.key, 'utf8'),
    clientCa: files.clientCa === null ? null : readFileSync(files.clientCa, 'utf8'),
  };
}
