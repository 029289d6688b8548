/** The only room that knows XState's internals: a machine's steps, computed without clock, randomness or I/O. */

export { accepts, acceptsIn, type Description, describe } from './describe.ts';
export { misfits } from './fit.ts';
export { MachineFault } from './machine-fault.ts';
export { partsOf } from './parts.ts';
export { type Portrait, portraitOf, repainted, withEffectIds } from './portrait.ts';
export { askingXState, type Prepared, prepare } from './prepare.ts';
export { type RunLogicHooks, type RunningLogic, runLogic } from './run-logic.ts';
export { decodeState, encodeState, encodeWithoutOutput } from './state-text.ts';
export { deliver, finishEffect, fireTimer, init, type Step } from './step.ts';
export { firstTimer, keptTimers, type StoredEffect, type SystemState, setEffect, standOf } from './system-state.ts';
