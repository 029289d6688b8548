import type { Alarms } from '../alarms.ts';

/** Where all timers are in one hand, nobody has to be woken. */
export const NO_ALARMS: Alarms = {
  arm: () => {},
  topUp: () => {},
  listen: async () => {},
  state: () => ({ up: false, armed: 0 }),
  close: async () => {},
};
