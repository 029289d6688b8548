/** Payloads as a page shows them: as text, without what is redacted, and never more of it than a page can bear. */
import { redacted } from '../telemetry/redact.ts';
import type { Shown } from './wire.ts';

/** Characters of one payload. */
const MOST_SHOWN = 64_000;
const MOST_WORDS = 8_000;

/** `name`: what it is called in paths: 'input' in 'input.card'. Undefined is nothing to show. */
export function shown(name: string, value: unknown, redact: readonly string[]): Shown | null {
  const visible = (redacted({ [name]: value }, redact) as Readonly<Record<string, unknown>>)[name];
  if (visible === undefined) return null;
  const text = JSON.stringify(visible, sayable, 2) ?? '';
  return { text: text.slice(0, MOST_SHOWN), cut: Math.max(0, text.length - MOST_SHOWN) };
}

/** An error's message, or another text that may be long. */
export function words(text: string): string {
  return text.length <= MOST_WORDS ? text : `${text.slice(0, MOST_WORDS)}…`;
}

/** What JSON would leave out. */
function sayable(_key: string, value: unknown): unknown {
  if (value instanceof Error)
    return { ...Object.fromEntries(Object.entries(value)), name: value.name, message: value.message };
  return typeof value === 'bigint' || typeof value === 'symbol' ? String(value) : value;
}
