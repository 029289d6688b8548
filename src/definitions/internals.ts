/**
 * The engine's side of a definition: one shape for jobs, for actors and for definitions of ours, so that a worker asks what a
 * definition says and never which of them it is.
 */

import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { AnyEventObject, AnyStateMachine } from 'xstate';
import type { ThreadGateway } from '../../actors/thread-gateway.ts';
import type { Waiting } from '../reading/explain.ts';
import type { RunContext } from '../run-context.ts';
import type { DefinitionEntry, Instant, NewActor, NewMail } from '../store/contract.ts';
import type { ResolvedDefinition } from './definition-options.ts';
import type { Limits } from './limits.ts';
import type { LoadedDefinition } from './loaded-definition.ts';
import type { Migrate } from './migration.ts';

/** What a command of a standard machine comes to: another actor, a letter to one, or the end of one that is its child. */
export type Deed =
  | { readonly birth: NewActor }
  | { readonly letter: NewMail }
  | { readonly recall: string; readonly reason: string };

/** Who gives a command. */
export interface Commander {
  readonly id: string;
  readonly input: unknown;
  readonly context: unknown;
  readonly definition: LoadedDefinition;
  /** How often an operator had it begin again. */
  readonly retried: number;
}

/** The engine's side of a definition. */
export interface DefinitionInternals extends Omit<ResolvedDefinition, 'input'> {
  readonly kind: DefinitionEntry['kind'];
  readonly machine: AnyStateMachine;
  /** A machine of ours: its events carry `at`, its output is a run record, and its first state is known. */
  readonly standard: boolean;
  readonly inputSchema: StandardSchemaV1 | undefined;
  /** A job's handler. */
  readonly run: ((context: RunContext<never>) => unknown) | undefined;
  /** A handler made for the scheduler it runs in, in the place of `run`. */
  readonly handlerFor?: (world: { readonly threads: ThreadGateway | null }) => DefinitionInternals['run'];
  /** The state shown before the first turn, as JSON text; null where the machine itself decides. */
  readonly initialState: string | null;
  /** What is shown while a worker holds it and no turn says so: its claim is the record that this effect runs. */
  readonly claimed: { readonly state: string; readonly effect: string } | null;
  /** What a standard machine's context begins with: it is stored only where it differs. Changing it changes what stored runs mean. */
  readonly atRest?: object;
  /** A standard machine's input, from the stored one. `{ dueAt, attempts }` unless given; `attempts`: of earlier lives. */
  readonly begin?: (input: unknown, dueAt: Instant, attempts: number) => unknown;
  /**
   * What a standard machine is told as `plan` with every event but the first: what follows from its stored input, which
   * is written once, while its context is written with every turn. Pure, and asked for often: to be remembered by input.
   */
  readonly plan?: (input: unknown, id: string, retried: number) => unknown;
  /** Carries out what a standard machine emits, which is a command to the engine. Pure. */
  readonly act?: (command: AnyEventObject, commander: Commander) => Deed;
  /** What it waits for besides timers, effects and events, in a state with this context. */
  readonly waitingFor?: (context: unknown, input: unknown) => readonly Waiting[];
  /** Most slow attempts after the quick ones; 0: none. */
  readonly recoveries: number;
  /** 0: none. */
  readonly attemptTimeoutMs: number;
  /** Which ends keep the key; `none`: it is free as soon as there is an end. */
  readonly dedupOn: 'success' | 'any' | 'none';
  readonly onAmbiguous: 'retry' | 'drop';
  /** Of what never ends: the newest segments of its journal that are kept. All unless given. */
  readonly journalSegments?: number;
  /** None unless given. */
  readonly limits?: Limits;
  readonly migrate: Migrate | undefined;
}
