/** `carillon dashboard`: the pages, for this machine only, until it is told to stop. */
import type { Command } from 'commander';
import colors from 'picocolors';
import { createDashboard } from '../dashboard/dashboard.ts';
import { type ServedDashboard, serveDashboard } from '../dashboard/serve.ts';
import { operatorName } from '../operations/operator-name.ts';
import { createScheduler } from '../scheduler.ts';
import { addCommand, type CommonOptions, quietLogger } from './command.ts';
import { loadConfig } from './config.ts';
import { printJson, printLine } from './output.ts';
import { aborted, stopSignal } from './stop-signal.ts';
import { readWhole, UsageError } from './usage.ts';

interface DashboardFlags extends CommonOptions {
  readonly port?: number;
  readonly host?: string;
  readonly readOnly?: boolean;
}

const PORT = 7433;
/** Where somebody else has the usual one, and none was asked for. */
const PORTS_TRIED = 10;

export function addDashboard(program: Command): void {
  addCommand(program, 'dashboard', 'show everything in a browser, until Ctrl-C', 'carillon dashboard --read-only')
    .option('--port <port>', `${PORT}, or the next that is free, unless given; 0 takes any`, readWhole)
    .option('--host <address>', 'a loopback address; 127.0.0.1 unless given')
    .option('--read-only', 'show, and change nothing')
    .action(showDashboard);
}

async function showDashboard({ config, json, port, host, readOnly = false }: DashboardFlags): Promise<void> {
  const stop = stopSignal();
  const options = await loadConfig(config);
  const operator = options.operator ?? `${operatorName()} (dashboard)`;
  const scheduler = await createScheduler({ ...options, worker: false, logger: quietLogger(), operator });
  let served: ServedDashboard | null = null;
  try {
    const dashboard = createDashboard(scheduler, { readOnly });
    const bind = { guarded: false, ...(host !== undefined && { host }) };
    served = await serveOn(port, (each) => serveDashboard(dashboard, { ...bind, port: each }));
    if (json) printJson({ url: served.url, readOnly });
    else printLine(`Dashboard: ${colors.cyan(served.url)}${readOnly ? ' (read-only)' : ''}. Stop with Ctrl-C.`);
    await aborted(stop);
  } finally {
    await served?.close();
    await scheduler.stop();
  }
}

async function serveOn(
  asked: number | undefined,
  serve: (port: number) => Promise<ServedDashboard>,
): Promise<ServedDashboard> {
  const last = asked ?? PORT + PORTS_TRIED - 1;
  for (let port = asked ?? PORT; ; port += 1) {
    try {
      return await serve(port);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EADDRINUSE' && port < last) continue;
      if (code === 'EADDRINUSE') throw new UsageError(`Port ${port} is taken. Give another one: --port 0 takes any.`);
      if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EACCES' || code === 'ERR_SOCKET_BAD_PORT')
        throw new UsageError(`It cannot listen there: ${(error as Error).message}`);
      throw error;
    }
  }
}
