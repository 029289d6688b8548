/** What `scheduleFlow` takes, checked as far as it can be without knowing the jobs. */
import type { AnyDefinition } from '../definitions/typed-name.ts';
import { InvalidOptionError } from '../errors.ts';
import { type Check, kind, list, name, object, oneOf, optional, refuse } from '../option-checks.ts';
import { type ScheduleOptions, scheduleOptionChecks } from '../options.ts';
import { cycleIn } from './cycle.ts';

const MAX_CHILDREN = 10_000;

/** One step of a flow. */
export interface FlowChild {
  /** Names it in this flow: as other names. */
  readonly key: string;
  /** A job or a machine, by definition or by name. */
  readonly job: AnyDefinition | string;
  /** Validated when the flow is scheduled. */
  readonly input?: unknown;
  /** Keys of the children that have to be done before it starts. None: it starts with the flow. */
  readonly after?: readonly string[];
}

/** What `scheduleFlow` takes. `delay` and `at` are for the flow; `queue` and `priority` for its own turns, not its children's. */
export type FlowOptions = ScheduleOptions & {
  /** Flows of one name are found by the label `flow:<name>`. */
  readonly name: string;
  /** 1 to 10,000. All of it together, as it is stored, takes at most four times `maxPayload`. */
  readonly children: readonly FlowChild[];
  /**
   * What the first dropped child does to the others. `cancelRest`: the flow is dropped at once and its other children are
   * told to end. `continue`: those that do not come after it go on, and the flow is dropped when they have ended.
   * @defaultValue 'cancelRest'
   */
  readonly onDrop?: 'cancelRest' | 'continue';
};

const child = object({
  key: name,
  job: kind<AnyDefinition | string>('a definition or the name of one', (value) =>
    typeof value === 'object' ? value !== null : typeof value === 'string',
  ),
  input: (value) => value,
  after: optional(list(MAX_CHILDREN, name), []),
});

const children: Check<readonly ReturnType<typeof child>[]> = (value, option) => {
  if (Array.isArray(value) && value.length === 0) refuse(option, `must be a list of 1 to ${MAX_CHILDREN}`, value);
  return list(MAX_CHILDREN, child)(value, option);
};

const flowChecks = object({
  ...scheduleOptionChecks,
  name,
  children,
  onDrop: optional(oneOf('cancelRest', 'continue'), 'cancelRest' as const),
});

export interface ResolvedFlow {
  readonly name: string;
  readonly onDrop: 'cancelRest' | 'continue';
  readonly children: readonly {
    readonly key: string;
    readonly job: AnyDefinition | string;
    readonly input: unknown;
    /** Positions of the children it comes after. */
    readonly after: readonly number[];
  }[];
}

/** @throws InvalidOptionError */
export function resolveFlowOptions(options: unknown): ResolvedFlow {
  const { name, onDrop, children } = flowChecks(options, '');
  const positions = new Map<string, number>();
  for (const [index, { key }] of children.entries()) {
    const first = positions.get(key);
    if (first !== undefined)
      throw new InvalidOptionError(
        `children[${index}].key`,
        `is '${key}', as children[${first}].key is. Keys are unique.`,
      );
    positions.set(key, index);
  }
  const resolved = children.map(({ key, job, input, after }, index) => {
    const places = after.map((earlier, place) => placeOf(earlier, `children[${index}].after[${place}]`, positions));
    if (new Set(places).size < places.length)
      throw new InvalidOptionError(`children[${index}].after`, 'names a child twice. Name each once.');
    return { key, job, input, after: places };
  });
  const cycle = cycleIn(resolved.map(({ after }) => after));
  if (cycle) {
    const keys = cycle.map((index) => `'${resolved[index]?.key}'`).join(' → ');
    throw new InvalidOptionError('children', `wait for each other, so that none could start: ${keys}.`);
  }
  return { name, onDrop, children: resolved };
}

function placeOf(key: string, option: string, positions: ReadonlyMap<string, number>): number {
  const place = positions.get(key);
  if (place === undefined) throw new InvalidOptionError(option, `names '${key}', which is no child of this flow.`);
  return place;
}
