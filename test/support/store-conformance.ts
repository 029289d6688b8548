/**
 * The facts every store keeps: one suite over `src/store/contract.ts`, run against each implementation. A fact that only
 * one of them keeps does not belong here.
 */
import { afterEach, beforeEach, describe } from 'vitest';
import { admissionFacts } from './store-conformance/admission.ts';
import { claimingFacts } from './store-conformance/claiming.ts';
import { compareAndSetFacts } from './store-conformance/compare-and-set.ts';
import { keyFacts } from './store-conformance/keys.ts';
import { mailFacts } from './store-conformance/mail.ts';
import { operatorFacts } from './store-conformance/operators.ts';
import { parkingFacts } from './store-conformance/parking.ts';
import { placeFacts } from './store-conformance/places.ts';
import { randomFacts } from './store-conformance/random.ts';
import { rateFacts } from './store-conformance/rates.ts';
import { readingFacts } from './store-conformance/reading.ts';
import { replacingFacts } from './store-conformance/replacing.ts';
import { retentionFacts } from './store-conformance/retention.ts';
import { retryFacts } from './store-conformance/retrying.ts';
import { schedulingFacts } from './store-conformance/scheduling.ts';
import { settlingFacts } from './store-conformance/settling.ts';
import { Stage, type StoreUnderTest } from './store-conformance/stage.ts';
import { stormFacts } from './store-conformance/storm.ts';
import { surveyingFacts } from './store-conformance/surveying.ts';
import { suspectFacts } from './store-conformance/suspects.ts';
import { turnFacts } from './store-conformance/turns.ts';
import { workerFacts } from './store-conformance/workers.ts';

export type { StoreUnderTest } from './store-conformance/stage.ts';

export interface ConformanceOptions {
  /** How many random runs the property plays: memory is cheap, a database is not. */
  readonly randomRuns: number;
}

export function storeConformance(
  name: string,
  open: () => Promise<StoreUnderTest>,
  { randomRuns }: ConformanceOptions,
): void {
  describe(name, () => {
    let under: StoreUnderTest;
    let stage: Stage;
    beforeEach(async () => {
      under = await open();
      stage = await Stage.set(under);
    });
    afterEach(async () => {
      await stage.clear();
      await under.close();
    });

    schedulingFacts(() => stage);
    keyFacts(() => stage);
    replacingFacts(() => stage);
    claimingFacts(() => stage);
    suspectFacts(() => stage);
    compareAndSetFacts(() => stage);
    settlingFacts(() => stage);
    turnFacts(() => stage);
    mailFacts(() => stage);
    workerFacts(() => stage);
    parkingFacts(() => stage);
    placeFacts(() => stage);
    admissionFacts(() => stage);
    rateFacts(() => stage);
    readingFacts(() => stage);
    surveyingFacts(() => stage);
    retryFacts(() => stage);
    retentionFacts(() => stage);
    operatorFacts(() => stage);
    stormFacts(() => under);
    randomFacts(() => under, randomRuns);
  });
}
