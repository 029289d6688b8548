import { type Logger, pino } from 'pino';

/** The given logger, none, or one that writes JSON lines to standard error at LOG_LEVEL. @defaultValue 'info' */
export function openLogger(given: Logger | false | null, redact: readonly string[]): Logger {
  if (given === false) return pino({ level: 'silent' });
  if (given) return given;
  const level = process.env['LOG_LEVEL'] ?? 'info';
  return pino({ name: 'carillon', level, redact: [...redact] }, pino.destination({ dest: 2, sync: true }));
}
