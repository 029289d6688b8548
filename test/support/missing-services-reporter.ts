/** Says in the last lines of a run how many tests could not run because something is missing, so that nobody overlooks it. */
import type { Reporter, TestModule } from 'vitest/node';

const HOW_TO_INSTALL: Readonly<Record<string, string>> = {
  'redis-server': ' Install it: apt-get install redis-server, or brew install redis.',
  'a checkout that others may read': ' Clone into a folder that is not closed to other users.',
  chromium: ' Install it: apt-get install chromium, dnf install chromium, or any Google Chrome that is in the PATH.',
};

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
      const how = HOW_TO_INSTALL[service] ?? '';
      process.stderr.write(`\n!! ${count} tests were SKIPPED because this machine lacks '${service}'.${how}\n`);
    }
  }
}
