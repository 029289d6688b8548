/**
 * A proxy in front of Postgres or Redis that breaks connections on command: cut them, go silent as a dead host does, or lose
 * the reply to a commit that did happen.
 */
import { type AddressInfo, connect, createServer, type NetConnectOpts, type Socket } from 'node:net';
import { Client } from 'pg';
import { registerOpened } from './left-behind.ts';

export interface TcpProxy {
  readonly port: number;
  /** The given connection string, through the proxy. */
  through(connectionString: string): string;
  /** Resets every connection. New ones are served. */
  cut(): void;
  /** Black hole: connections stay open and new ones are accepted, but no byte passes either way until `resume()`. */
  stall(): void;
  resume(): void;
  /** Half open: the connections open now go silent as under `stall()`, new ones are served. */
  silence(): void;
  /**
   * Postgres only. Loses the reply to the next statement whose completion tag fits (`COMMIT`, `INSERT 0 1`, …): the server
   * carries it out and commits, the client only sees its connection reset. Resolves when that happened. `statement`: name
   * of the prepared statement it has to be, for tags that many share.
   */
  loseReply(tag: RegExp, statement?: string): Promise<void>;
  /** Connections open now. */
  count(): number;
  destroy(): Promise<void>;
}

/** Starts one in front of a Postgres, given by its connection string, or of anything else that listens on a port. */
export async function startProxy(target: string | { host: string; port: number }): Promise<TcpProxy> {
  const links = new Set<Link>();
  let stalled = false;
  let awaited: { tag: RegExp; statement: string; lost: () => void } | null = null;

  /** What to call once the reply with this tag is lost; null lets it pass. */
  const replied = (tag: string, asked: string): (() => void) | null => {
    if (awaited === null || !awaited.tag.test(tag) || !asked.includes(awaited.statement)) return null;
    const { lost } = awaited;
    awaited = null;
    return lost;
  };
  const server = createServer((client) => {
    const upstream = connect(typeof target === 'string' ? postgresAddress(target) : target);
    const link = new Link(client, upstream, () => links.delete(link));
    links.add(link);
    if (typeof target === 'string') link.watchReplies(replied);
    else link.passReplies();
    if (stalled) link.stall();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;

  const proxy: TcpProxy = {
    port,
    through: (connectionString) => {
      if (!connectionString.startsWith('postgres')) return connectionString.replace(/:\d+/, `:${port}`);
      const { user, database } = new Client({ connectionString });
      return `postgresql://${user}@127.0.0.1:${port}/${database}`;
    },
    cut: () => {
      for (const link of links) link.cut();
    },
    stall: () => {
      stalled = true;
      for (const link of links) link.stall();
    },
    resume: () => {
      stalled = false;
      for (const link of links) link.resume();
    },
    silence: () => {
      for (const link of links) link.stall();
    },
    loseReply: (tag, statement = '') =>
      new Promise((resolve) => {
        awaited = { tag, statement, lost: resolve };
      }),
    count: () => links.size,
    destroy: () => {
      proxy.cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  registerOpened({ what: `proxy on port ${port}`, isOpen: () => server.listening, destroy: () => proxy.destroy() });
  return proxy;
}

function postgresAddress(connectionString: string): NetConnectOpts {
  const { host, port } = new Client({ connectionString });
  return host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port };
}

/** Of what a client asks, this much is kept: Parse and Bind both begin with the name of their statement. */
const LONGEST_QUESTION = 1_000;

/** One client and its connection to the server. */
class Link {
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #ended: () => void;

  constructor(client: Socket, upstream: Socket, ended: () => void) {
    this.#client = client;
    this.#upstream = upstream;
    this.#ended = ended;
    client.on('data', (chunk) => upstream.write(chunk));
    client.on('end', () => upstream.end());
    upstream.on('end', () => client.end());
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => this.cut());
    }
  }

  cut(): void {
    this.#client.resetAndDestroy();
    this.#upstream.destroy();
    this.#ended();
  }

  stall(): void {
    this.#client.pause();
    this.#upstream.pause();
  }

  resume(): void {
    this.#client.resume();
    this.#upstream.resume();
  }

  passReplies(): void {
    this.#upstream.on('data', (chunk) => this.#client.write(chunk));
  }

  /**
   * Postgres messages are a type byte and a length. From the reply to be lost on nothing is passed; the connection is cut
   * at the following ReadyForQuery, because only then the transaction has ended on the server.
   */
  watchReplies(replied: (tag: string, asked: string) => (() => void) | null): void {
    /** Since the last answer. */
    let asked = '';
    this.#client.on('data', (chunk: Buffer) => {
      asked = (asked + chunk.toString('latin1', 0, LONGEST_QUESTION)).slice(0, LONGEST_QUESTION);
    });
    let unread: Buffer = Buffer.alloc(0);
    let lost: (() => void) | null = null;
    this.#upstream.on('data', (chunk) => {
      unread = Buffer.concat([unread, chunk]);
      let passedTo = 0;
      let at = 0;
      while (unread.length >= at + 5) {
        const end = at + 1 + unread.readUInt32BE(at + 1);
        if (unread.length < end) break;
        const type = String.fromCharCode(unread.readUInt8(at));
        if (type === 'C') lost ??= replied(unread.toString('latin1', at + 5, end - 1), asked);
        if (type === 'Z') asked = '';
        if (type === 'Z' && lost !== null) {
          this.cut();
          lost();
          return;
        }
        at = end;
        if (lost === null) passedTo = end;
      }
      if (passedTo > 0) this.#client.write(unread.subarray(0, passedTo));
      unread = unread.subarray(at);
    });
  }
}
