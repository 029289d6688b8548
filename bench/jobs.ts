import { defineJob } from '../src/index.ts';

/** Called with the run's input when a handler starts; set by whoever measures in this process. */
export const starts: { heard: ((input: { sentMs: number }) => void) | null } = { heard: null };

/** Does nothing: what is measured is everything around it. */
export const noop = defineJob<{ sentMs: number }>({
  name: 'noop',
  queue: 'bench',
  run({ input }) {
    starts.heard?.(input);
  },
});

/** Due in a month: the million rows that must cost nothing. */
export const later = defineJob<{ n: number }>({ name: 'later', queue: 'bench', run: () => {} });

export const definitions = [noop, later];
