/** Who is measured, and what each needs to run. */
import path from 'node:path';

const HERE = import.meta.dirname;

export interface BenchedSystem {
  readonly name: string;
  /** As the table calls it. */
  readonly title: string;
  readonly adapter: string;
  /** Null: this repository's own, under the Node that runs the bench. */
  readonly peerPackage: string | null;
  readonly store: 'postgres' | 'redis' | 'both';
  /** Measured only when asked for by name. */
  readonly optional?: boolean;
}

const built = path.resolve(HERE, '../dist/bench/carillon.js');
const peer = (file: string): string => path.join(HERE, 'peers', file);

export const systems: readonly BenchedSystem[] = [
  { name: 'carillon', title: 'Carillon', adapter: built, peerPackage: null, store: 'postgres' },
  {
    name: 'graphile-worker',
    title: 'graphile-worker',
    adapter: peer('graphile-worker.mjs'),
    peerPackage: 'graphile-worker',
    store: 'postgres',
  },
  { name: 'pg-boss', title: 'pg-boss', adapter: peer('pg-boss.mjs'), peerPackage: 'pg-boss', store: 'postgres' },
  {
    name: 'bullmq-redis',
    title: 'BullMQ, Redis',
    adapter: peer('bullmq-redis.mjs'),
    peerPackage: 'bullmq',
    store: 'redis',
  },
  {
    name: 'bullmq-postgres',
    title: 'BullMQ, Postgres',
    adapter: peer('bullmq-postgres.mjs'),
    peerPackage: 'bullmq',
    store: 'postgres',
  },
  { name: 'dbos', title: 'DBOS', adapter: peer('dbos.mjs'), peerPackage: '@dbos-inc/dbos-sdk', store: 'postgres' },
  {
    name: 'carillon-redis',
    title: 'Carillon, Redis alarms',
    adapter: built,
    peerPackage: null,
    store: 'both',
    optional: true,
  },
];
