/**
 * What a machine may keep. The limit is on each thing that its author gives it, as it is on inputs and events: what the text says
 * besides, and one context beside another's output, is no reason to refuse any of them.
 */
import { partsOf } from '../interpreter/index.ts';

/** The whole state of an actor may take as many limits: it may have many children. */
const WHOLE_FACTOR = 4;

interface Limited {
  /** Machines of ours bound what they keep themselves: a long error must not set a job aside. */
  readonly standard: boolean;
  readonly maxPayload: number;
}

/** What is wrong with the size of a state; null: nothing. */
export function excessOf(snapshot: string | null, { standard, maxPayload }: Limited): string | null {
  if (snapshot === null || standard) return null;
  const bytes = Buffer.byteLength(snapshot);
  if (bytes <= maxPayload) return null;
  const large = partsOf(snapshot).find((part) => part.bytes > maxPayload);
  if (large) return `its ${large.name} of ${large.bytes} bytes is larger than 'maxPayload' allows, ${maxPayload}.`;
  const most = WHOLE_FACTOR * maxPayload;
  return bytes > most
    ? `its snapshot of ${bytes} bytes is larger than ${WHOLE_FACTOR} times 'maxPayload', ${most}.`
    : null;
}
