import { systemEnv } from '../env.ts';

/** One Ctrl-C may arrive several times within this: from the terminal, and relayed by npm and tsx. */
const SAME_SIGNAL_MS = 500;

/**
 * Aborts at the first SIGINT or SIGTERM, or when the process that started this one with a channel is gone. A second signal
 * ends the process at once.
 */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  let firstMs = 0;
  const stop = (): void => {
    const nowMs = systemEnv.monotonicMs();
    if (!controller.signal.aborted) {
      firstMs = nowMs;
      controller.abort();
    } else if (nowMs - firstMs > SAME_SIGNAL_MS) process.exit(1);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  if (process.connected) {
    process.once('disconnect', stop);
    // Listening alone would keep a program alive that has ended its work.
    process.channel?.unref();
  }
  return controller.signal;
}

/** Resolves when it aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
