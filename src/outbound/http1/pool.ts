import type { Timed, Wheel } from '../../wire/wheel.ts';
import type { Endpoint } from '../../region/catalogue.ts';
import type { Arrival, Call, Departure, Failure } from '../call.ts';
import type { Networks } from '../egress.ts';
import { UpstreamCall } from './call.ts';
import { Connector, type ConnectOptions } from './connect.ts';
import { UpstreamConnection } from './connection.ts';

export interface PoolOptions extends ConnectOptions {
  /** Connections at once. Default 256. */
  readonly connections: number;
  /** Requests that wait for a connection while none is being made for them. Default 1024. */
  readonly pending: number;
  /** Milliseconds that one waits. Default 5000. */
  readonly pendingTimeout: number;
  /** Milliseconds until a connection may be used, TLS included. Default 5000. */
  readonly connectTimeout: number;
  /** Milliseconds that a connection is kept at rest, unless the upstream says that it keeps it for less. Default 4000. */
  readonly keepAliveTimeout: number;
  /** Milliseconds after which a connection takes no more requests, so that a changed address takes effect. Default 300,000. */
  readonly connectionAge: number;
}

/**
 * The connections to one endpoint of one region. The one used last is used next, so that those not needed grow old and
 * end. Who finds none waits in line, and one is made, as long as there may be more.
 */
export class Pool implements Timed {
  deadline = Infinity;
  turn = -1;
  readonly connector: Connector;
  readonly options: PoolOptions;
  readonly #wheel: Wheel;
  readonly #idle: UpstreamConnection[] = [];
  #waiting: UpstreamCall[] = [];
  /** Requests that are sent again, and the connections that are being made for them alone. */
  readonly #repeats = new Map<UpstreamConnection, UpstreamCall>();
  /** Connections being made for those who wait. */
  #making = 0;
  /** All connections, those being made too. */
  #count = 0;
  #closing = false;
  readonly #onEmpty: (() => void)[] = [];

  constructor(endpoint: Endpoint, networks: Networks, options: PoolOptions) {
    this.connector = new Connector(endpoint, networks, options);
    this.options = options;
    this.#wheel = options.wheel;
  }

  /** @throws TypeError when the head of the request cannot be sent as it is: our own mistake */
  forward(departure: Departure, arrival: Arrival): Call {
    const call = new UpstreamCall(this, departure, arrival, this.#wheel.now);
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      if (connection.usable) {
        connection.start(call);
        return call;
      }
      connection.close();
    }
    this.#enqueue(call);
    return call;
  }

  get stats(): { active: number; idle: number; pending: number } {
    const making = this.#making + this.#repeats.size;
    const idle = this.#idle.length;
    return { active: this.#count - making - idle, idle, pending: this.#waiting.length + this.#repeats.size };
  }

  /** Lets requests in flight finish, and those that wait. Resolves once no connection is left. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const connection of this.#idle.splice(0)) connection.close();
    if (this.#isEmpty) return;
    await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }

  /** A connection has been made. */
  connected(connection: UpstreamConnection): void {
    const call = this.#repeats.get(connection);
    if (call === undefined) {
      this.#making--;
      this.free(connection);
    } else {
      this.#repeats.delete(connection);
      connection.start(call);
    }
  }

  /** A connection could not be made: one request fails with it, the one that has waited longest. The others get their own. */
  unconnected(connection: UpstreamConnection, failure: Failure): void {
    let call = this.#repeats.get(connection);
    if (call === undefined) {
      this.#making--;
      call = this.#waiting.shift();
    } else {
      this.#repeats.delete(connection);
    }
    this.gone(connection);
    call?.fail(failure);
  }

  /** A connection has nothing to do. */
  free(connection: UpstreamConnection): void {
    if (!connection.young) return connection.close();
    const call = this.#waiting.shift();
    if (call !== undefined) connection.start(call);
    else if (this.#closing) connection.close();
    else {
      this.#idle.push(connection);
      connection.rest();
    }
  }

  /** A connection has ended. */
  gone(connection: UpstreamConnection): void {
    this.#drop(connection);
    this.#make();
    if (this.#isEmpty) for (const tell of this.#onEmpty.splice(0)) tell();
  }

  /** The connection ended before it answered: the request is sent once more, by a connection of its own. */
  repeat(connection: UpstreamConnection, call: UpstreamCall): void {
    this.#drop(connection);
    call.repeat();
    this.#repeats.set(this.#connect(), call);
  }

  /** A request that waits is given up. A connection that is being made for it serves whoever comes. */
  forget(call: UpstreamCall): void {
    const place = this.#waiting.indexOf(call);
    if (place >= 0) this.#waiting.splice(place, 1);
    for (const [connection, repeated] of this.#repeats) {
      if (repeated !== call) continue;
      this.#repeats.delete(connection);
      this.#making++;
    }
  }

  /** Some have waited too long. Not those next in line for a connection that is being made: its own time bounds them. */
  expired(): void {
    const { now } = this.#wheel;
    const over: UpstreamCall[] = [];
    let next = Infinity;
    this.#waiting = this.#waiting.filter((call, place) => {
      const due = place < this.#making ? call.totalAt : Math.min(call.waitAt, call.totalAt);
      if (due <= now) over.push(call);
      else next = Math.min(next, due, place < this.#making ? Math.max(call.waitAt, now + RECHECK) : Infinity);
      return due > now;
    });
    if (next !== Infinity) this.#wheel.set(this, next - now);
    for (const call of over) call.fail(call.totalAt <= now ? this.#late(call) : this.#waited());
  }

  get #isEmpty(): boolean {
    return this.#closing && this.#count === 0 && this.#waiting.length === 0;
  }

  #enqueue(call: UpstreamCall): void {
    const { refusal } = this.connector;
    if (this.#closing) return refuse(call, { kind: 'reset', message: `${this.connector.place}: closed by us` });
    if (refusal !== null) return refuse(call, refusal);
    const { now } = this.#wheel;
    const full = this.#count >= this.options.connections;
    if (full && this.#waiting.length - this.#making >= this.options.pending) return refuse(call, this.#full());
    call.waitAt = now + this.options.pendingTimeout;
    this.#waiting.push(call);
    const due = Math.min(call.waitAt, call.totalAt);
    if (due < this.deadline) this.#wheel.set(this, due - now);
    this.#make();
  }

  /** Makes connections for those who wait. */
  #make(): void {
    while (this.#making < this.#waiting.length && this.#count < this.options.connections) {
      this.#making++;
      this.#connect();
    }
  }

  #connect(): UpstreamConnection {
    const connection = new UpstreamConnection(this, this.#wheel);
    this.#count++;
    connection.connect();
    return connection;
  }

  #drop(connection: UpstreamConnection): void {
    const place = this.#idle.indexOf(connection);
    if (place >= 0) this.#idle.splice(place, 1);
    this.#count--;
  }

  #late(call: UpstreamCall): Failure {
    return { kind: 'timeout', message: `${this.connector.place}: not over within ${call.departure.totalTimeout} ms` };
  }

  #full(): Failure {
    const { connections, pending } = this.options;
    const message = `${this.connector.place}: ${connections} connections are busy and ${pending} requests wait`;
    return { kind: 'overloaded', message };
  }

  #waited(): Failure {
    const { pendingTimeout } = this.options;
    return {
      kind: 'overloaded',
      message: `${this.connector.place}: no connection was free within ${pendingTimeout} ms`,
    };
  }
}

/** Milliseconds. */
const RECHECK = 100;

/** Tells a failure once the caller has its call. */
function refuse(call: UpstreamCall, failure: Failure): void {
  process.nextTick(fail, call, failure);
}

function fail(call: UpstreamCall, failure: Failure): void {
  call.fail(failure);
}
