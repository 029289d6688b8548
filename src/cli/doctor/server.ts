/** What the doctor asks of the Postgres server itself, on a connection of its own. */
import { Client, type PoolConfig } from 'pg';
import { systemEnv } from '../../env.ts';
import { type Finding, found, ok } from './finding.ts';

const OLDEST_VERSION = 14;
const NOTIFY_PATIENCE_MS = 2_000;
const CHANNEL = 'carillon_doctor';

export async function examineServer(config: PoolConfig, shown: string): Promise<readonly Finding[]> {
  const client = new Client({ connectionTimeoutMillis: 5_000, ...config, application_name: 'carillon doctor' });
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    const reason = (error as Error).message || (error as NodeJS.ErrnoException).code || 'no reason given';
    return [found('database', `Cannot connect (${shown}): ${reason}. Start it, or correct the address.`)];
  }
  try {
    return [await version(client, shown), await commits(client), await notifications(client)];
  } finally {
    await client.end();
  }
}

async function setting(client: Client, name: string): Promise<string> {
  const { rows } = await client.query<{ value: string }>('select current_setting($1) as value', [name]);
  return rows[0]?.value ?? '';
}

async function version(client: Client, shown: string): Promise<Finding> {
  const number = Number(await setting(client, 'server_version_num'));
  const text = await setting(client, 'server_version');
  if (number >= OLDEST_VERSION * 10_000) return ok('database', `Postgres ${text}, ${shown}`);
  return found('database', `Postgres ${text} is too old: Carillon needs ${OLDEST_VERSION} or newer.`);
}

async function commits(client: Client): Promise<Finding> {
  const [commit, fsync] = [await setting(client, 'synchronous_commit'), await setting(client, 'fsync')];
  const risky = [...(commit === 'off' ? ['synchronous_commit'] : []), ...(fsync === 'off' ? ['fsync'] : [])];
  if (risky.length === 0) return ok('durability', `synchronous_commit is ${commit}, fsync is ${fsync}`);
  return found(
    'durability',
    `${risky.join(' and ')} is off: a crash of the server loses what was scheduled. Turn it on.`,
  );
}

/** A pooler in transaction mode swallows LISTEN without a word; the only honest test is to hear oneself. */
async function notifications(client: Client): Promise<Finding> {
  const token = systemEnv.uuid();
  const heard = new Promise<boolean>((resolve) => {
    client.on('notification', ({ payload }) => {
      if (payload === token) resolve(true);
    });
    systemEnv.setTimer(NOTIFY_PATIENCE_MS, () => resolve(false));
  });
  const startMs = systemEnv.monotonicMs();
  await client.query(`listen ${CHANNEL}`);
  await client.query('select pg_notify($1, $2)', [CHANNEL, token]);
  if (await heard) return ok('notifications', `LISTEN works (${Math.round(systemEnv.monotonicMs() - startMs)} ms)`);
  return found(
    'notifications',
    'A NOTIFY to ourselves did not arrive: a pooler in transaction mode, perhaps. Connect directly, or in session mode.',
  );
}
