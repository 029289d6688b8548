import { describe, expect, test } from 'vitest';
import { GroupCommit } from '../../src/group-commit.ts';

/** Writes that end when they are told to. */
function recorder(options: { maxItems?: number; maxBytes?: number; concurrency?: number } = {}) {
  const groups: string[][] = [];
  const finish: ((error?: Error) => void)[] = [];
  const commit = new GroupCommit<string, string>({
    write: (items) => {
      groups.push([...items]);
      return new Promise((resolve, reject) => {
        finish.push((error) => (error ? reject(error) : resolve(items.map((item) => item.toUpperCase()))));
      });
    },
    maxItems: options.maxItems ?? 100,
    maxBytes: options.maxBytes ?? 1_000,
    bytesOf: (item) => item.length,
    concurrency: options.concurrency ?? 1,
  });
  return { commit, groups, finish };
}

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('group commit', () => {
  test('calls of one burst share the first write', async () => {
    const { commit, groups, finish } = recorder();
    const results = Promise.all([commit.add('a'), commit.add('b')]);
    await tick();
    finish[0]?.();
    expect(await results).toEqual(['A', 'B']);
    expect(groups).toEqual([['a', 'b']]);
  });

  test('what comes while a write is in flight goes into the next one, in order', async () => {
    const { commit, groups, finish } = recorder();
    const first = commit.add('a');
    await tick();
    const rest = Promise.all([commit.add('b'), commit.add('c')]);
    await tick();
    expect(groups).toEqual([['a']]);
    finish[0]?.();
    await first;
    await tick();
    finish[1]?.();
    expect(await rest).toEqual(['B', 'C']);
    expect(groups).toEqual([['a'], ['b', 'c']]);
  });

  test('a failed write rejects its members only', async () => {
    const { commit, finish } = recorder();
    const first = commit.add('a');
    const failed = expect(first).rejects.toThrow('disk');
    await tick();
    const second = commit.add('b');
    finish[0]?.(new Error('disk'));
    await failed;
    await tick();
    finish[1]?.();
    expect(await second).toBe('B');
  });

  test('a group ends at its bounds, and one larger item goes alone', async () => {
    const { commit, groups, finish } = recorder({ maxItems: 2, maxBytes: 5, concurrency: 10 });
    const all = Promise.all(['aa', 'bb', 'cc', 'dddddddd', 'e'].map((item) => commit.add(item)));
    for (let pass = 0; pass < 10; pass++) {
      await tick();
      for (const end of finish) end();
    }
    await all;
    expect(groups).toEqual([['aa', 'bb'], ['cc'], ['dddddddd'], ['e']]);
  });

  test('settled waits for what is in flight and what waits', async () => {
    const { commit, finish } = recorder();
    void commit.add('a');
    await tick();
    void commit.add('b');
    let settled = false;
    const wait = commit.settled().then(() => {
      settled = true;
    });
    finish[0]?.();
    await tick();
    expect(settled).toBe(false);
    finish[1]?.();
    await wait;
    expect(settled).toBe(true);
  });
});
