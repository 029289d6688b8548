/** A definition's machine made ready for the pure step: everything a step needs that depends on the machine alone. */

import type { AnyEventObject, AnyStateMachine } from 'xstate';
import { Catalogue } from './catalogue.ts';
import { chartOf } from './chart.ts';
import { findingsOf } from './findings.ts';
import { checkMachine } from './refusals.ts';
import type { ActorScope, Machine, MachineSnapshot } from './xstate-internals.ts';

export interface Prepared {
  readonly name: string;
  readonly version: number;
  /** One of our own machines: every event its root receives carries `at`, and its effects have one id for all incarnations. */
  readonly standard: boolean;
  /** Contexts are frozen, so that a machine which changes one in place fails at once. */
  readonly freeze: boolean;
  /** Steps go along known paths (see paths.ts). */
  readonly byPaths: boolean;
  readonly machine: AnyStateMachine;
  readonly catalogue: Catalogue;
  /** What its author should know before relying on it. */
  readonly warnings: readonly string[];
  /** What looks wrong in its statechart, with the path of the state; nothing of our own machines. */
  readonly findings: readonly string[];
  /** The configuration as JSON, functions replaced by their names. */
  readonly chart: string;
}

export interface PrepareOptions {
  readonly name: string;
  readonly version: number;
  readonly standard: boolean;
  /** What the root's context begins with, where that need not be stored. A member that is undefined later must not be in it. */
  readonly atRest?: object | undefined;
  /** For development and checks. @defaultValue false */
  readonly freeze?: boolean;
}

/** Throws DefinitionVersionError when the machine cannot be persisted or stepped, naming the state and what to do. */
export function prepare(
  machine: AnyStateMachine,
  { name, version, standard, atRest, freeze = false }: PrepareOptions,
): Prepared {
  const catalogue = new Catalogue(machine as unknown as Machine, atRest);
  const warnings = checkMachine(catalogue, `Definition '${name}' version ${version}`);
  if (standard) stampFirstEvent(catalogue.root.logic);
  return {
    name,
    version,
    standard,
    freeze,
    byPaths: true,
    machine: catalogue.root.logic as unknown as AnyStateMachine,
    catalogue,
    warnings,
    findings: standard ? [] : findingsOf(catalogue),
    chart: chartOf(catalogue.root),
  };
}

/** The same definition, with XState asked for every step: for whoever checks what was computed along known paths. */
export function askingXState(prepared: Prepared): Prepared {
  return { ...prepared, byPaths: false };
}

/** XState makes the first event itself, so it gets its `at` on the way. */
function stampFirstEvent(machine: Machine): void {
  const original = machine._getPreInitialState.bind(machine);
  machine._getPreInitialState = (scope: ActorScope, event: AnyEventObject, queue): MachineSnapshot => {
    event['at'] = scope.now;
    return original(scope, event, queue);
  };
}
