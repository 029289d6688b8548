/** The peers' packages live in a folder of their own, with a Node of their own, so that no user of Carillon installs them. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

const FOLDER = path.join(import.meta.dirname, 'peers');
/** graphile-worker 0.18 asks for 22.18 and pg-boss 12 for 22.12. */
const OLDEST_NODE = [22, 18] as const;
/** Locked like every other package and free of install scripts, unlike `node`, which downloads one of these while it is installed. */
const NODES = [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`];

/** Resolves with what keeps the peers from running, or null. */
export async function installPeers(say: (line: string) => void): Promise<string | null> {
  if (await installed()) return null;
  say('Installing the peers into bench/peers, once: npm ci');
  const code = await new Promise<number | null>((resolve) => {
    const npm = spawn('npm', ['ci', '--no-audit', '--no-fund', '--loglevel', 'error'], {
      cwd: FOLDER,
      stdio: ['ignore', 2, 2],
    });
    npm.once('error', () => resolve(null));
    npm.once('exit', resolve);
  });
  return code === 0 && (await installed()) ? null : 'not installed: npm ci in bench/peers failed';
}

/** Whether what lies there is what the lock file asks for. */
async function installed(): Promise<boolean> {
  try {
    const wanted = JSON.parse(await readFile(path.join(FOLDER, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const versions = await Promise.all(Object.keys(wanted.dependencies).map(peerVersion));
    return Object.values(wanted.dependencies).every((version, n) => versions[n] === version);
  } catch {
    return false;
  }
}

export async function peerVersion(name: string): Promise<string> {
  const manifest = await readFile(path.join(FOLDER, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

/** The Node for the peers. */
export function peersNode(): string {
  const own = NODES.map((name) => path.join(FOLDER, 'node_modules', name, 'bin/node')).find(existsSync);
  if (own) return own;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return process.execPath;
  throw new Error(`needs Node ${OLDEST_NODE.join('.')} or newer, and npm has none for this machine`);
}
