import { storedLimits } from '../definitions/limits.ts';
import { loadDefinitions, prepareDefinitions } from '../definitions/loaded-definition.ts';
import { createRegistry } from '../definitions/registry.ts';
import { systemDefinitions } from '../definitions/system-definitions.ts';
import { SYSTEM_QUEUE } from '../definitions/system-queue.ts';
import { internalsOf } from '../definitions.ts';
import type { RunHost } from '../effects/runs.ts';
import { resolveSchedulerOptions, type SchedulerOptions } from '../options.ts';
import { StoreClock } from '../store-clock.ts';
import { openLogger } from '../telemetry/logger.ts';
import { Runtime } from './runtime.ts';
import type { World } from './world.ts';

/** Connects, checks the schema, registers definitions and queues. What fails leaves nothing open. */
export async function openRuntime(given: SchedulerOptions, runHost: RunHost, world: World): Promise<Runtime> {
  const { env, connect } = world;
  const options = resolveSchedulerOptions(given);
  const all = prepareDefinitions([...options.definitions.map(internalsOf), ...systemDefinitions]);
  const registry = createRegistry(
    options.definitions,
    all.map(({ internals }) => internals),
  );
  const logger = openLogger(options.logger, options.redact);
  for (const {
    internals,
    prepared: { warnings, findings },
  } of all) {
    for (const warning of [...warnings, ...findings])
      logger.warn({ definition: internals.name, version: internals.version }, warning);
  }
  const connections = await connect(options, env, logger);
  try {
    const { store } = connections;
    const entries = all.map(({ internals: { kind, name, version, limits }, prepared: { chart } }) => ({
      kind,
      name,
      version,
      chart,
      ...(limits && { limits: storedLimits(limits) }),
    }));
    const defs = await store.registerDefinitions(entries);
    const wanted = options.worker ? (options.worker.queues ?? []) : [];
    const names = [...new Set(['default', SYSTEM_QUEUE, ...registry.all.map(({ queue }) => queue), ...wanted])];
    const ids = await store.registerQueues(names);
    const queues = new Map(names.map((name, index) => [name, ids[index] as number]));
    const definitions = loadDefinitions(all, {
      maxPayload: options.maxPayloadBytes,
      namespace: options.namespace,
      threads: options.threads,
      defOf: (internals) => defs[all.findIndex((each) => each.internals === internals)] as number,
      queueOf: (name) => queues.get(name) as number,
    });
    const clock = new StoreClock(env, await store.now());
    return new Runtime({ options, env, logger, connections, clock, registry, definitions, queues, runHost, world });
  } catch (error) {
    await connections.close();
    throw error;
  }
}
