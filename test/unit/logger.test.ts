import { pino } from 'pino';
import { expect, test } from 'vitest';
import { openLogger } from '../../src/telemetry/logger.ts';

function opened(paths: readonly string[], options: pino.LoggerOptions = {}) {
  const lines: Record<string, unknown>[] = [];
  const given = pino(options, {
    write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  });
  return { given, lines, logger: openLogger(given, paths) };
}

test('what is redacted is hidden in fields at any depth, in bindings of children, and in errors', () => {
  const { logger, lines } = opened(['token', 'card.number']);
  logger.info({ input: { card: { number: 4111, name: 'Ada' } } }, 'one');
  logger
    .child({ token: 'secret', run: 1 })
    .child({ deep: { token: 'secret' } })
    .info('two');
  logger.error(Object.assign(new Error('failed'), { config: { token: 'secret' } }));
  expect(lines).toMatchObject([
    { msg: 'one', input: { card: { number: '[Redacted]', name: 'Ada' } } },
    { msg: 'two', token: '[Redacted]', run: 1, deep: { token: '[Redacted]' } },
    { msg: 'failed', err: { type: 'Error', message: 'failed', config: { token: '[Redacted]' } } },
  ]);
  expect(JSON.stringify(lines)).not.toMatch(/secret|4111/);
});

test('the given logger keeps its own formatter and goes on logging everything by itself', () => {
  const { given, logger, lines } = opened(['token'], {
    formatters: { log: (object) => ({ ...object, service: 'mail' }) },
  });
  logger.info({ token: 'secret' });
  given.info({ token: 'secret' });
  expect(lines).toMatchObject([
    { token: '[Redacted]', service: 'mail' },
    { token: 'secret', service: 'mail' },
  ]);
});

test('without paths the logger is the given one', () => {
  const { given, logger } = opened([]);
  expect(logger).toBe(given);
});
