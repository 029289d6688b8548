/** For tests of your own jobs and machines: `carillon/testing`. Needs no database and no test framework. */
export { type RecordedDelivery, RecordedThreads } from './recorded-threads.ts';
export { createTestScheduler, type TestScheduler, type TestSchedulerOptions } from './test-scheduler.ts';
