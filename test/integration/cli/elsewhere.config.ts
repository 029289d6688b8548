// A next version of an example's definition that goes another way: for `replay --against`.
import { defineActor, defineConfig } from 'carillon';
import { createMachine } from 'xstate';

const elsewhere = createMachine({ initial: 'elsewhere', states: { elsewhere: {} } });

export default defineConfig({
  definitions: [defineActor({ name: 'delayed-greeting', version: 2, machine: elsewhere })],
});
