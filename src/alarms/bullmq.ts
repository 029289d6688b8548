/**
 * BullMQ, and the Redis client it comes with, by `require`. To `import` a CommonJS package is to search every file it re-exports
 * for names first: over BullMQ's 400 that takes twice as long as running them, and the main loop stands still meanwhile.
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export const {
  assertSchemaCompatibility,
  LATEST_SCHEMA_VERSION,
  PostgresConnection,
  PostgresQueueBackend,
  Queue,
  runMigrations,
  SchemaMigrationRequiredError,
  Worker,
} = require('bullmq') as typeof import('bullmq');
export type PostgresConnection = InstanceType<typeof PostgresConnection>;

export const { Redis } = require('ioredis') as typeof import('ioredis');
export type Redis = InstanceType<typeof Redis>;
