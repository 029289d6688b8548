/** What one check came to. `found`: something is wrong, and the detail says what to do. */
export interface Finding {
  readonly check: string;
  readonly result: 'ok' | 'found' | 'skipped';
  readonly detail: string;
}

export function ok(check: string, detail: string): Finding {
  return { check, result: 'ok', detail };
}

export function found(check: string, detail: string): Finding {
  return { check, result: 'found', detail };
}
