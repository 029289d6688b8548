/**
 * What callers hold of a definition: its name, its version, and types that no value carries. Whatever the types, it is an
 * AnyDefinition.
 */

import type { AnyEventObject, AnyStateMachine, EventFrom, InputFrom, OutputFrom } from 'xstate';
import type { JobEvent } from '../../machines/job.ts';

/** Carries the types of a definition. No value has it. */
declare const types: unique symbol;

/** Any definition, whatever its types. */
export interface AnyDefinition {
  readonly kind: 'job' | 'actor';
  readonly name: string;
  readonly version: number;
  readonly [types]?: { input: unknown; parsed: unknown; output: unknown; event: AnyEventObject };
}

/** `I` is what callers give, `P` what the handler gets once the schema has parsed it. */
export interface JobDefinition<I = unknown, O = unknown, P = I> extends AnyDefinition {
  readonly kind: 'job';
  readonly [types]?: { input: I; parsed: P; output: O; event: JobEvent };
}

export interface ActorDefinition<M extends AnyStateMachine = AnyStateMachine> extends AnyDefinition {
  readonly kind: 'actor';
  readonly [types]?: { input: InputFrom<M>; parsed: InputFrom<M>; output: OutputFrom<M>; event: EventFrom<M> };
}

/** What a definition takes as input. */
export type InputOf<D> = D extends { readonly [types]?: { input: infer I } } ? I : never;
/** What its runs give as output. */
export type OutputOf<D> = D extends { readonly [types]?: { output: infer O } } ? O : never;
/** What may be sent to its actors. */
export type EventOf<D> = D extends { readonly [types]?: { event: infer E } } ? E : never;

/** Arguments after the definition: the input may be left out where it may be undefined. */
export type InputArgs<I, O> = undefined extends I ? [input?: I, options?: O] : [input: I, options?: O];
