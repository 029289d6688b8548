/** Tells when a source file below a folder changed. Folder by folder: Node's recursive watching would read node_modules. */
import { type FSWatcher, readdirSync, watch } from 'node:fs';
import path from 'node:path';
import { type LocalTimer, systemEnv } from '../env.ts';

const MAX_FOLDERS = 1_000;
const IGNORED = new Set(['node_modules', 'dist', 'build', 'coverage']);
const SOURCE = /\.([cm]?[jt]s|json)$/;

/** Calls `changed` with a file's name once no other one has changed for `gatherMs`. */
export function watchTree(folder: string, gatherMs: number, changed: (file: string) => void): { close(): void } {
  const watchers: FSWatcher[] = [];
  let pending: LocalTimer | null = null;
  for (const each of foldersBelow(folder)) {
    const watcher = watch(each, (_, name) => {
      if (name === null || !SOURCE.test(name)) return;
      pending?.clear();
      pending = systemEnv.setTimer(gatherMs, () => changed(name));
    });
    // A folder that is deleted is no longer watched, and that is all.
    watcher.on('error', () => watcher.close());
    watchers.push(watcher);
  }
  return {
    close() {
      pending?.clear();
      for (const watcher of watchers) watcher.close();
    },
  };
}

function foldersBelow(root: string): readonly string[] {
  const folders = [root];
  for (const folder of folders) {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (!entry.isDirectory() || entry.name.startsWith('.') || IGNORED.has(entry.name)) continue;
      if (folders.length < MAX_FOLDERS) folders.push(path.join(folder, entry.name));
    }
  }
  return folders;
}
