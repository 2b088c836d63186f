import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { SERVICES, type Service } from '../core/vocabulary.ts';
import { tlsOptions, type TlsTexts } from '../inbound/tls.ts';
import type { ClientTls } from '../feed/target.ts';
import type { FeedTlsFiles } from './config/control-settings.ts';
import type { Settings, TlsFiles } from './config/settings.ts';

/** The texts of each data listener's files; null where it has none. */
export type ListenerTls = Readonly<Record<Service, TlsTexts | null>>;

/** @throws Error, in one line, as `readTls` does */
export function readListenerTls({ listeners }: Settings): ListenerTls {
  const tls: Record<Service, TlsTexts | null> = { storage: null, search: null, inference: null };
  for (const service of SERVICES) tls[service] = readTls(`listeners.${service}`, listeners[service]?.tls ?? null);
  return tls;
}

/**
 * The texts of a listener's files, or null where it has none.
 * @param name of the listener, as its key in domicile.yaml
 * @throws Error, in one line naming listener and files, when they cannot be read or are no certificate with its key
 */
export function readTls(name: string, files: TlsFiles | null): TlsTexts | null {
  if (files === null) return null;
  const { cert, key, clientCa } = files;
  try {
    const texts = {
      cert: readFileSync(cert, 'utf8'),
      key: readFileSync(key, 'utf8'),
      clientCa: clientCa === null ? null : readFileSync(clientCa, 'utf8'),
    };
    createSecureContext(tlsOptions(texts));
    return texts;
  } catch (error) {
    const given = clientCa === null ? `${cert}, ${key}` : `${cert}, ${key}, ${clientCa}`;
    throw new Error(
      `${name}.tls: ${given}: ${(error as Error).message}. Give PEM files: a certificate and the key that belongs to it.`,
      { cause: error },
    );
  }
}

/** What a proxy shows its control plane, and knows it by. @throws Error, in one line, when a file cannot be read */
export function readClientTls(files: FeedTlsFiles | null): ClientTls {
  if (files === null) return { ca: null, cert: null, key: null };
  return { ca: textOf(files.ca), cert: textOf(files.cert), key: textOf(files.key) };
}

function textOf(file: string | null): string | null {
  return file === null ? null : readFileSync(file, 'utf8');
}
