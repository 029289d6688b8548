/** Single schedules, each resolved when its job is stored, with fifty callers at once. */
import { count, type Row } from './row.ts';

const IN_FLIGHT = 50;

export const singles: Row = {
  name: 'singles',
  againWithFuture: true,
  figures: ({ singles }) => [
    {
      key: 'rate',
      title: `single schedules, ${count(singles)}, ${IN_FLIGHT} in flight`,
      unit: 'per second',
      better: 'more',
    },
  ],
  async run(arena) {
    const tookMs = await arena.producer.ask('singly', arena.sizes.singles, IN_FLIGHT);
    return { rate: (arena.sizes.singles / tookMs) * 1_000 };
  },
};
