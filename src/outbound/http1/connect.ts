import { connect, isIP, type Socket } from 'node:net';
import {
  connect as connectTls,
  createSecureContext,
  type ConnectionOptions,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import type { Endpoint } from '../../region/catalogue.ts';
import { Link, type LinkOwner } from '../../wire/link.ts';
import type { Wheel } from '../../wire/wheel.ts';
import type { Failure } from '../call.ts';
import { OUTSIDE_REGION, type Networks } from '../egress.ts';
import { Resolver } from './resolve.ts';

/** Milliseconds without traffic after which the kernel asks whether the other side is still there. */
const PROBE_AFTER = 60_000;

export interface ConnectOptions {
  /** Milliseconds that an answer of DNS is believed. Default 10,000. */
  readonly dnsTtl: number;
  /** Milliseconds that a TLS session is resumed for, until a certificate is looked at again. */
  readonly connectionAge: number;
  /** Whether other addresses are tried while one is slow (RFC 8305), or one address per connection, in turn. Default false. */
  readonly happyEyeballs: boolean;
  readonly wheel: Wheel;
}

/** Who is told that a connection has come about; if it does not, `closed` tells. */
export interface Connecting extends LinkOwner {
  /** The other side has been reached; with TLS, the handshake is still to come. */
  reached(): void;
  /** It may be used. */
  connected(): void;
}

/** Makes the connections to one endpoint. Where they lead, and who is believed to be there, is told by the endpoint. */
export class Connector {
  /** Where it leads, for messages: origin or path. */
  readonly place: string;
  /** Why nothing may be connected: the endpoint's address lies outside its region. A name is judged when it is looked up. */
  readonly refusal: Failure | null;
  readonly #tls: boolean;
  readonly #path: string | null;
  readonly #host: string;
  readonly #port: number;
  readonly #resolver: Resolver;
  readonly #options: ConnectOptions;
  #context: SecureContext | null = null;
  /** The latest that the other side gave, to be resumed. */
  #session: Buffer | null = null;
  #certificateSeenAt = -Infinity;

  constructor(endpoint: Endpoint, networks: Networks, options: ConnectOptions) {
    const url = new URL(endpoint.origin);
    this.#options = options;
    this.#tls = url.protocol === 'https:';
    this.#path = endpoint.socketPath;
    this.place = endpoint.socketPath ?? endpoint.origin;
    this.#host = url.hostname.replace(/^\[|\]$/g, '');
    this.#port = Number(url.port || (this.#tls ? 443 : 80));
    this.#resolver = new Resolver(networks.lookup, options.wheel, options.dnsTtl);
    const refused = this.#path === null ? networks.refuse(this.#host) : null; // a socket is on no network
    this.refusal = refused === null ? null : connectFailure(this.place, refused, false);
  }

  /** Begins a connection. The time that it may take is the owner's to bound. */
  open(owner: Connecting): Link {
    return this.#tls ? this.#openTls(owner) : this.#openPlain(owner);
  }

  #openPlain(owner: Connecting): Link {
    const link = Link.open(owner, (onread) =>
      connect(this.#path === null ? { ...this.#target(), onread } : { path: this.#path, onread }),
    );
    link.socket.once('connect', () => {
      if (link.closed) return;
      tune(link.socket);
      owner.reached();
      owner.connected();
    });
    return link;
  }

  #openTls(owner: Connecting): Link {
    const { wheel, connectionAge } = this.#options;
    if (wheel.now - this.#certificateSeenAt >= connectionAge) this.#session = null;
    const options = {
      ...this.#target(),
      // A name is what the certificate must be for; an address is no server name (RFC 6066 §3), but is looked for too.
      ...(isIP(this.#host) === 0 ? { servername: this.#host } : {}),
      secureContext: (this.#context ??= createSecureContext()),
      rejectUnauthorized: true, // also where NODE_TLS_REJECT_UNAUTHORIZED says otherwise
      ALPNProtocols: ['http/1.1'],
      ...(this.#session === null ? {} : { session: this.#session }),
    };
    const link = Link.open(owner, (onread) => connectTls({ ...options, onread } as ConnectionOptions), false);
    const socket = link.socket as TLSSocket;
    socket.once('connect', () => {
      if (link.closed) return;
      tune(socket);
      owner.reached();
    });
    socket.once('secureConnect', () => {
      if (link.closed) return;
      if (!socket.isSessionReused()) this.#certificateSeenAt = wheel.now;
      owner.connected();
    });
    socket.on('session', (session) => {
      if (socket.authorized) this.#session = session;
    });
    return link;
  }

  #target(): { host: string; port: number; lookup: Resolver['lookup']; autoSelectFamily: boolean } {
    return {
      host: this.#host,
      port: this.#port,
      lookup: this.#resolver.lookup,
      autoSelectFamily: this.#options.happyEyeballs,
    };
  }
}

function tune(socket: Socket): void {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, PROBE_AFTER);
}

type NetworkError = Error & { code?: string | undefined; errors?: readonly Error[] };

/**
 * What kept a connection from coming about.
 * @param error null: the other side closed it
 * @param reached the other side took the connection: what failed then is TLS, which a bare connection does not find out
 */
export function connectFailure(place: string, error: NetworkError | null, reached: boolean): Failure {
  const message = `${place}: ${error === null ? 'closed during the handshake' : told(error)}`;
  if (error?.code === OUTSIDE_REGION) return { kind: 'outside_region', message };
  return { kind: reached ? 'untrusted' : 'unreachable', message };
}

/** Node tells several failures, one for each address tried, as one error without a message. */
export function told({ message, code, errors = [] }: NetworkError): string {
  const text = message || errors.map((error) => error.message).join(', ');
  return code === undefined || text.includes(code) ? text : `${text} (${code})`;
}
