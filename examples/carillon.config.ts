// What `carillon worker`, `carillon dev` and all other commands read. In a project of yours it lies next to package.json.
import { defineConfig } from 'carillon';
import { approval } from './approval.ts';
import { callEndpoint } from './call-endpoint.ts';
import { delayedGreeting } from './delayed-greeting.ts';
import { longReport } from './long-report.ts';
import { nightlyReport } from './nightly-report.ts';
import { charge, reserve, ship } from './order-flow.ts';

export default defineConfig({
  definitions: [callEndpoint, delayedGreeting, approval, longReport, nightlyReport, charge, reserve, ship],
});
