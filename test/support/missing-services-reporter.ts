/** Says in the last lines of a run how many tests could not run because a program is missing, so that nobody overlooks it. */
import type { Reporter, TestModule } from 'vitest/node';

export default class MissingServicesReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const missing = new Map<string, number>();
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        const service = /\[needs ([^\]]+)\]/.exec(test.fullName)?.[1];
        if (service !== undefined) missing.set(service, (missing.get(service) ?? 0) + 1);
      }
    }
    for (const [service, count] of missing) {
      process.stderr.write(`\n!! ${count} tests were SKIPPED because '${service}' is not installed on this machine.\n`);
    }
  }
}
