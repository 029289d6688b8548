/**
 * What the demo's workers run: the examples, in tables of their own, so that a project's data in the same Postgres is neither
 * seen nor disturbed. The short lease lets a killed worker be missed within seconds.
 */
import examples from '../../../examples/carillon.config.ts';
import { defineConfig } from '../../scheduler.ts';

export default defineConfig({
  ...examples,
  schema: 'carillon_demo',
  namespace: 'demo',
  worker: { lease: '3s' },
});
