/** Programs some tests need and a machine may lack. What could not run because of that is counted at the end of the run. */
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { describe } from 'vitest';

const PROGRAMS = {
  'redis-server': ['redis-server'],
  chromium: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
} as const;

export type Service = keyof typeof PROGRAMS;

/** Absolute path of the program, or null. */
export function findService(service: Service): string | null {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter);
  const candidates = PROGRAMS[service].flatMap((name) => folders.map((folder) => path.join(folder, name)));
  return candidates.find(isExecutable) ?? null;
}

/** `describe` for tests that need the program: without it they are skipped, by a name the reporter knows. */
export function describeWith(service: Service, title: string, body: () => void): void {
  describe.runIf(findService(service) !== null)(`${title} [needs ${service}]`, body);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
