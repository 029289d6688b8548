/**
 * The thread behind a heartbeat. Beats a third of a lease apart on a connection of its own. A beat counts from when it was
 * started, and never from later than that: the estimate errs towards an earlier expiry.
 *
 * JavaScript, because on Node 20 a thread does not get the loader of its process, and loading one from sources took longer than
 * anything a test or a short-lived worker does.
 */
// @ts-check
import { createRequire } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';

// A worker waits for this thread. Where Node does not say what it is, pg asks for `Response`, and with it Node loads an HTTP
// client: a third of the start of this thread. Importing pg instead of requiring it costs another sixth.
if (!('navigator' in globalThis)) Object.assign(globalThis, { navigator: { userAgent: 'Node.js' } });
const pg = /** @type {typeof import('pg')} */ (createRequire(import.meta.url)('pg'));

const { tick, beat, connection, schema, worker, leaseMs } = /** @type {import('./heartbeat.ts').HeartbeatTask} */ (
  workerData
);
const thirdMs = leaseMs / 3;
/** A worker that was found dead has no row any more, and its beats are not accepted. */
const statement = { name: 'beat', text: `update ${schema}.workers set beat_at = ${schema}.now() where id = $1` };

/** @type {import('pg').Client | null} */
let client = null;
let seenTick = Atomics.load(tick, 0);
let seenAtMs = performance.now();
let beatAtMs = performance.now();

/** @returns {Promise<import('pg').Client>} */
async function connected() {
  if (client !== null) return client;
  const next = new pg.Client({
    ...connection,
    application_name: 'carillon heartbeat',
    keepAlive: true,
    connectionTimeoutMillis: thirdMs,
    query_timeout: thirdMs,
  });
  next.on('error', () => drop(next));
  await next.connect();
  client = next;
  return next;
}

/** @param {import('pg').Client} broken */
function drop(broken) {
  if (client === broken) client = null;
  broken.end().catch(() => undefined);
}

/** @returns {Promise<void>} */
async function sendBeat() {
  // What the main loop's clock read when it last ticked, plus the time since that was seen here: the tick was earlier.
  const startedUs = seenTick + BigInt(Math.floor((performance.now() - seenAtMs) * 1000));
  const on = await connected();
  try {
    const { rowCount } = await on.query({ ...statement, values: [worker] });
    if (rowCount === 1) Atomics.store(beat, 0, startedUs);
  } catch {
    drop(on);
  }
}

/** Looks often, so that a tick is seen soon after it happened. */
async function run() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(1, leaseMs / 30)));
    const ticked = Atomics.load(tick, 0);
    const nowMs = performance.now();
    if (ticked !== seenTick) {
      seenTick = ticked;
      seenAtMs = nowMs;
    }
    const due = nowMs - beatAtMs >= thirdMs - leaseMs / 30;
    if (!due || nowMs - seenAtMs > thirdMs) continue;
    beatAtMs = nowMs;
    await sendBeat().catch(() => undefined);
  }
}

parentPort?.postMessage('running');
await run();
