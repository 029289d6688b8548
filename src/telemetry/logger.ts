import { type Logger, pino } from 'pino';
import { redacted } from './redact.ts';

/**
 * The given logger, none, or one that writes JSON lines to standard error at LOG_LEVEL; nothing it writes shows what `redact`
 * names. @defaultValue 'info'
 */
export function openLogger(given: Logger | false | null, redact: readonly string[]): Logger {
  if (given === false) return pino({ level: 'silent' });
  const level = process.env['LOG_LEVEL'] ?? 'info';
  const logger = given ?? pino({ name: 'carillon', level }, pino.destination({ dest: 2, sync: true }));
  return redact.length === 0 ? logger : redacting(logger, redact);
}

interface Formatters {
  readonly log?: (object: object) => Record<string, unknown>;
}

/** Hides before anything becomes text, and also in what a handler binds to children of its own. */
function redacting(logger: Logger, paths: readonly string[]): Logger {
  const hide = (object: object): Record<string, unknown> => redacted(object, paths) as Record<string, unknown>;
  const before = (logger as unknown as Record<symbol, Formatters | undefined>)[pino.symbols.formattersSym]?.log;
  const child = logger.child({}, { formatters: { log: (object) => hide(before?.(object) ?? object) } });
  const bear = Reflect.get(child, 'child') as (...args: readonly unknown[]) => unknown;
  const bearWithout = function (this: Logger, bindings: pino.Bindings, options?: pino.ChildLoggerOptions): unknown {
    return Reflect.apply(bear, this, [hide(bindings), options]);
  };
  return Object.assign(child, { child: bearWithout });
}
