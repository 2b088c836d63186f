/**
 * What a loopback address alone does not guard: a web page in a browser of this machine can send requests to it, and by
 * a name that it had resolve to 127.0.0.1 it can read the answers (DNS rebinding). So Host must be a name of ours, and
 * what a page sent is known by the headers with which browsers mark it.
 */

/** Names by which a port bound to a loopback address is called. @param bound host of the address, IPv6 in brackets */
export function loopbackNames(bound: string): ReadonlySet<string> {
  return new Set(['localhost', '127.0.0.1', '[::1]', bound.toLowerCase()]);
}

/** The name in a Host header, lower case, without its port; IPv6 keeps its brackets. */
export function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '');
}

/** The headers of a request that tell, names in lower case. */
interface PageHeaders {
  readonly origin?: string | undefined;
  readonly 'sec-fetch-site'?: string | string[] | undefined;
}

/** Whether a web page sent it, whichever. @param own origin of our own pages, which are none; null: we have none */
export function fromPage(headers: PageHeaders, own: string | null = null): boolean {
  const { origin, 'sec-fetch-site': site } = headers;
  if (origin !== undefined && origin !== own) return true;
  return site !== undefined && site !== 'none' && !(own !== null && site === 'same-origin');
}
