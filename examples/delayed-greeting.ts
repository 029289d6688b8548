// The smallest job there is. What makes it special is how it is scheduled:
//   await scheduler.schedule(delayedGreeting, { name: 'Ada' }, { delay: '3s' });
import { defineJob } from 'carillon';

export const delayedGreeting = defineJob<{ name: string }, string>({
  name: 'delayed-greeting',
  run: ({ input, nominalAt }) => `Hello ${input.name}, this was due at ${nominalAt.toISOString()}.`,
});
