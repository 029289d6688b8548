import { askingXState } from '../interpreter/index.ts';
import type { LivedBy } from '../replay/past.ts';
import type { Runtime } from '../scheduler/runtime.ts';

/** The versions of that definition that this process has code for. What was computed along known paths is checked by XState itself. */
export function livedByLoaded(runtime: Pick<Runtime, 'loaded'>, name: string): LivedBy {
  return (version) => {
    const loaded = runtime.loaded(name, version);
    return loaded && { internals: loaded, prepared: askingXState(loaded.prepared) };
  };
}
