import { type Env, systemEnv } from '../env.ts';
import { openConnections } from './connections.ts';

/** What a scheduler runs in: the real one, or one that a test made. */
export interface World {
  readonly env: Env;
  readonly connect: typeof openConnections;
  /** How often whoever waits for an actor asks for it unasked. */
  readonly askEveryMs?: number;
  /** Told of every effect that starts; `started` gives what to call once it has ended. */
  readonly effects?: { started(): () => void };
}

export const realWorld: World = { env: systemEnv, connect: openConnections };
