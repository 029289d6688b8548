// A job that takes a while, shows how far it is, and stops when it is told to.
import { setTimeout as sleep } from 'node:timers/promises';
import { defineJob } from 'carillon';
import { z } from 'zod';

export const longReport = defineJob({
  name: 'long-report',
  input: z.object({ pages: z.number().int().min(1).max(1000), msPerPage: z.number().int().min(0).default(500) }),

  async run({ input, progress, signal }) {
    for (let page = 1; page <= input.pages; page += 1) {
      await sleep(input.msPerPage, undefined, { signal });
      await progress({ page, of: input.pages });
    }
    return { pages: input.pages };
  },
});
