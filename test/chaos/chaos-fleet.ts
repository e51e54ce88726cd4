import { createConnection } from 'node:net';
import { createClient, type SkeinClient } from '@skein/sdk';
import { hasRedis, type PostgresServer, type RedisServer, startPostgresServer, startRedis } from '@skein/testkit';
import { type Link, openLink } from '../e2e/link.ts';
import type { FleetProcess } from '../fleet/fleet-process.ts';
import { FleetStack } from '../fleet/fleet-stack.ts';
import type { ChaosTarget } from './chaos-target.ts';

/** Whom a network of one coordinator leads to: others lead to it by the last two. */
export const linkKinds = ['store', 'queue', 'peers', 'workers'] as const;

/** A network of one coordinator. */
export interface FleetLink {
  readonly name: string;
  readonly kind: (typeof linkKinds)[number];
  readonly link: Link;
}

/** The same URL through a link. */
const through = (url: string, link: Link): string => {
  const changed = new URL(url);
  const [host = '', port = ''] = link.address.split(':');
  changed.hostname = host;
  changed.port = port;
  return changed.href;
};

/**
 * Coordinators on one PostgreSQL and one Redis (when there is one), schedulers and workers, each a process of its own. Every coordinator
 * reaches the database and the queue through links of its own, and is reached by its peers and by workers through two more.
 */
export class ChaosFleet implements ChaosTarget {
  readonly stack: FleetStack;
  readonly postgres: PostgresServer;
  readonly redis: RedisServer | undefined;
  readonly links: readonly FleetLink[];
  #next = 0;

  private constructor(
    stack: FleetStack,
    postgres: PostgresServer,
    redis: RedisServer | undefined,
    links: readonly FleetLink[],
  ) {
    this.stack = stack;
    this.postgres = postgres;
    this.redis = redis;
    this.links = links;
  }

  /** Starts all of it; resolves when every worker is connected. */
  static async start(
    project: string,
    count: { readonly coordinators: number; readonly schedulers: number; readonly workers: number },
    marker: string,
  ): Promise<ChaosFleet> {
    const links: FleetLink[] = [];
    const open = async (name: string, kind: FleetLink['kind'], target: string): Promise<Link> => {
      const link = await openLink(target);
      links.push({ name, kind, link });
      return link;
    };
    const postgres = await startPostgresServer();
    let redis: RedisServer | undefined;
    try {
      redis = (await hasRedis()) ? await startRedis({ appendOnly: true }) : undefined;
      const queue = redis;
      const stack = await FleetStack.start({
        project,
        ...count,
        store: postgres.url,
        env: { SKEIN_LAUNCH: marker },
        coordinatorEnv: async ({ name, grpc }) => ({
          SKEIN_STORE: through(postgres.url, await open(name, 'store', `127.0.0.1:${postgres.port}`)),
          ...(queue === undefined
            ? {}
            : { SKEIN_REDIS: through(queue.url, await open(name, 'queue', new URL(queue.url).host)) }),
          SKEIN_PEER: (await open(name, 'peers', grpc)).address,
          SKEIN_ADVERTISE: (await open(name, 'workers', grpc)).address,
        }),
        doors: () => links.filter(({ kind }) => kind === 'workers').map(({ link }) => link.address),
      });
      return new ChaosFleet(stack, postgres, redis, links);
    } catch (error) {
      await Promise.all(links.map(({ link }) => link.close()));
      await redis?.stop();
      await postgres.stop();
      throw error;
    }
  }

  get processes(): readonly FleetProcess[] {
    return this.stack.processes;
  }

  /** Patient: any coordinator may be away for a while, and the database too. */
  get client(): SkeinClient {
    return createClient({
      url: this.stack.coordinators.map(({ http }) => http),
      token: this.stack.token,
      retry: { attempts: 100, baseMs: 50, maxMs: 500 },
    });
  }

  /** Asks one coordinator after the other, as a balancer that knows of no trouble does. */
  async call<T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
    patience?: AbortSignal,
  ): Promise<{ readonly status: number; readonly body: T }> {
    const { coordinators, token } = this.stack;
    const coordinator = coordinators[this.#next++ % coordinators.length];
    const response = await fetch(`${coordinator?.http}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(patience === undefined ? {} : { signal: patience }),
    });
    return { status: response.status, body: (await response.json()) as T };
  }

  /** Empties Redis, as a careless operator does. */
  async flushRedis(): Promise<void> {
    if (this.redis === undefined) return;
    const { hostname: host, port } = new URL(this.redis.url);
    await new Promise<void>((resolve) => {
      const socket = createConnection({ host, port: Number(port) });
      socket.setTimeout(2_000, () => socket.destroy());
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
      socket.once('data', () => socket.destroy());
      socket.write('FLUSHALL\r\n');
    });
  }

  /** Ends all of it. Gives the processes that had to be killed. */
  async stop(): Promise<readonly string[]> {
    const forced = await this.stack.stop();
    await Promise.all(this.links.map(({ link }) => link.close()));
    await this.redis?.stop();
    await this.postgres.stop();
    return forced;
  }
}
