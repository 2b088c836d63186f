import { hint } from '../core/closest.ts';
import { isLoopback } from '../core/loopback.ts';
import type { Problem } from '../core/problem.ts';
import { tellsApart } from './catalogue.ts';

/** Where an upstream is: the fields of `Endpoint` that its URL gives. */
export interface Location {
  readonly protocol: string;
  readonly host: string;
  readonly origin: string;
  readonly basePath: string;
  readonly socketPath: string | null;
  readonly secure: boolean;
  readonly tls: boolean;
}

/** A problem without its place, which the caller knows. */
export type Complaint = Omit<Problem, 'path'>;

const SOCKET = /^(?:http\+)?unix:(?:\/\/)?(\/[^\0?#]*)$/;

/** An upstream's address: `https://…`, `http://…`, `unix:/path` or `http+unix:/path`. */
export function parseLocation(text: string): Location | Complaint {
  if (text.includes('${'))
    return complaint(
      'reference_here',
      'holds a reference',
      'write the address itself: references are for domicile.yaml',
    );
  const socket = SOCKET.exec(text)?.[1];
  if (socket !== undefined)
    return {
      protocol: 'http:',
      host: 'localhost',
      origin: 'http://localhost',
      basePath: '',
      socketPath: socket,
      secure: true,
      tls: false,
    };
  // The URL parser silently drops tabs and line ends and turns backslashes round.
  if (/[\s\\\x00-\x1f\x7f]/.test(text))
    return complaint('bad_url', 'holds white space or a backslash', 'write a plain https:// address');
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return complaint('bad_url', 'is not a URL', 'write https://host[:port][/path] or unix:/path.sock');
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return complaint('bad_url', `cannot be reached by ${url.protocol}//`, 'use https, http or unix:/path.sock');
  if (url.username !== '' || url.password !== '')
    return complaint('clear_secret', 'holds a user name or password', 'put it under credentials in domicile.yaml');
  if (/[?#]/.test(text)) return complaint('bad_url', 'holds a query or a fragment', 'leave out everything from ? or #');
  if (url.port === '0') return complaint('bad_url', 'has port 0', 'name the port');
  const tls = url.protocol === 'https:';
  return {
    protocol: url.protocol,
    host: url.host,
    origin: url.origin,
    basePath: url.pathname.replace(/\/+$/, ''),
    socketPath: null,
    secure: tls || isLoopback(url.hostname),
    tls,
  };
}

/**
 * An AWS host that names another region than its entry, or none, would send a tenant's data there whatever the policy
 * says. Other hosts cannot be told from their name.
 */
export function checkAwsHost(host: string, cloudRegion: string): Complaint | null {
  if (!/\.(?:amazonaws\.com(?:\.cn)?|api\.aws)(?::\d+)?$/.test(host)) return null;
  const named = [...host.matchAll(/(?<=^|[-.])[a-z]{2}(?:-[a-z]+)+-\d(?=\.)/g)].at(-1)?.[0];
  if (named === cloudRegion) return null;
  return named === undefined
    ? complaint('endpoint_elsewhere', `${host} names no region`, `use the host of ${cloudRegion}`)
    : complaint(
        'endpoint_elsewhere',
        `${host} is in ${named}, not in ${cloudRegion}`,
        `use the host of ${cloudRegion}`,
      );
}

const PLACEHOLDERS = ['bucket', 'index', 'tenant', 'classification', 'region', 'cloud_region'];

/** Problems of a bucket or index template. */
export function checkTemplate(template: string, name: 'bucket' | 'index'): readonly Complaint[] {
  const complaints: Complaint[] = [];
  const plain = template.replaceAll(/\{([^{}]*)\}/g, (_, placeholder: string) => {
    if (!PLACEHOLDERS.includes(placeholder))
      complaints.push(
        complaint(
          'unknown_placeholder',
          `{${placeholder}} stands for nothing${hint(placeholder, PLACEHOLDERS)}`,
          `use ${PLACEHOLDERS.map((known) => `{${known}}`).join(' ')}`,
        ),
      );
    return '';
  });
  if (/[{}]/.test(plain))
    complaints.push(complaint('unknown_placeholder', 'has a brace without its partner', `write {${name}} or the like`));
  if (complaints.length === 0 && !tellsApart(template, ''))
    complaints.push(
      complaint(
        'template_ambiguous',
        `makes one ${name} of two tenants' different ones`,
        `part {tenant} and {${name}} by text that no tenant id holds, such as --`,
      ),
    );
  if (complaints.length === 0 && !template.includes('{bucket}') && !template.includes('{index}'))
    complaints.push({
      ...complaint('template_collapses', `maps every ${name} to the same one`, `put {${name}} into it`),
      severity: 'warning',
    });
  return complaints;
}

export function complaint(code: string, message: string, fix: string): Complaint {
  return { code, message, fix };
}
