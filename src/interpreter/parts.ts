/** What a stored state holds of its author's, apart from what the interpreter says of it. */
import type { StateText } from './state-text.ts';

interface Part {
  /** What it is called in errors. */
  readonly name: string;
  /** As it lies in the text. */
  readonly bytes: number;
}

export function partsOf(text: string): readonly Part[] {
  const { m, r = [], e = [], t = [] } = JSON.parse(text.slice(1)) as StateText;
  const records = [{ ...m, of: '' }, ...r.map((record) => ({ ...record, of: ` of child '${record.i}'` }))];
  const parts: readonly (readonly [string, unknown])[] = [
    ...records.flatMap(({ of, c, o, x }) => [
      [`context${of}`, c] as const,
      [`output${of}`, o] as const,
      [`error${of}`, x] as const,
    ]),
    ...e.map(({ n, p }) => [`input of '${n}'`, p] as const),
    ...t.map(({ e: event }) => ['delayed event', event] as const),
  ];
  return parts.map(([name, value]) => ({
    name,
    bytes: value === undefined ? 0 : Buffer.byteLength(JSON.stringify(value)),
  }));
}
