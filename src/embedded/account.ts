/**
 * Who the server runs as. Postgres refuses to be root, so a root process lends it an account that exists already:
 * the owner of the data, else `postgres`, else `nobody`. Everyone else runs it as themselves.
 */
import { readFile, stat } from 'node:fs/promises';
import { EmbeddedPostgresError } from '../errors.ts';

/** An unprivileged account of this machine. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

const CANDIDATES = ['postgres', '_postgres', 'nobody'];

/** The account to drop to, or null when this process can run the server as it is. `dataFolder` need not exist yet. */
export async function serverAccount(dataFolder: string): Promise<Account | null> {
  const me = process.getuid?.();
  const owner = await stat(dataFolder).then(
    (found) => found.uid,
    () => null,
  );
  if (me !== 0) {
    if (owner !== null && owner !== me) {
      throw new EmbeddedPostgresError(
        `${dataFolder} belongs to user id ${owner}, and this process is ${me}. Run as that user, or remove the folder.`,
      );
    }
    return null;
  }
  const accounts = await readAccounts();
  if (owner === null) {
    const found = CANDIDATES.map((name) => accounts.find((account) => account.name === name)).find(Boolean);
    if (found) return found;
    throw new EmbeddedPostgresError(
      `Postgres refuses to run as root, and there is no user 'postgres' or 'nobody' to run it as. Run as another user.`,
    );
  }
  const holder = accounts.find((account) => account.uid === owner && owner !== 0);
  if (holder) return holder;
  throw new EmbeddedPostgresError(
    `${dataFolder} belongs to user id ${owner}, as whom Postgres cannot run. Give it to another user (chown -R), or remove the folder.`,
  );
}

async function readAccounts(): Promise<Account[]> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n');
  return lines
    .filter((line) => line.includes(':') && !line.startsWith('#'))
    .map((line) => {
      const [name = '', , uid, gid] = line.split(':');
      return { name, uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 };
    });
}
