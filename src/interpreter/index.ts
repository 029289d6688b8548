/** The only room that knows XState's internals: a machine's steps, computed without clock, randomness or I/O. */

export type { ActionOutlet, Deferred } from './aftermath.ts';
export { accepts, type Description, describe } from './describe.ts';
export { misfits } from './fit.ts';
export { MachineFault } from './machine-fault.ts';
export { type Prepared, type PrepareOptions, prepare } from './prepare.ts';
export { type RunLogicHooks, type RunningLogic, runLogic } from './run-logic.ts';
export { decodeState, encodeState } from './state-text.ts';
export { deliver, finishEffect, fireTimer, init, type Step } from './step.ts';
export { type StoredEffect, type StoredTimer, type SystemState, setEffect } from './system-state.ts';
