import { DomainError, type RunStatus, type RunView } from '@skein/domain';
import { expect, test } from 'vitest';
import { followRun } from './follow-run.ts';
import { parseParams } from './parse-params.ts';
import { patiently } from './patiently.ts';

const view = (status: RunStatus): RunView => ({ runId: 'run_1', status, steps: [] }) as unknown as RunView;

/** Runs that go through the given statuses, one per event; the watch waits for `go` before each event. */
const scripted = (statuses: readonly RunStatus[]) => {
  let at = 0;
  let looks = 0;
  let open: () => void = () => undefined;
  let gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    get looks() {
      return looks;
    },
    go: () => open(),
    runs: {
      get: async () => {
        looks += 1;
        return view(statuses[at] ?? 'failed');
      },
      watch: async function* () {
        while (at < statuses.length - 1) {
          await gate;
          gate = new Promise((resolve) => {
            open = resolve;
          });
          at += 1;
          yield { seq: at, type: 'noise', at: '', runId: 'run_1', data: {} };
        }
      },
    },
  };
};

test('shows each change and ends with the terminal one', async () => {
  const script = scripted(['queued', 'running', 'succeeded']);
  const seen: string[] = [];
  const signal = new AbortController().signal;
  for await (const run of followRun(script.runs, 'run_1', { signal, sleep: async () => undefined })) {
    seen.push(run.status);
    script.go();
  }
  expect(seen).toEqual(['queued', 'running', 'succeeded']);
});

test('gathers events that come while it pauses into one look', async () => {
  const script = scripted(['running', 'running', 'running', 'running', 'succeeded']);
  const seen: string[] = [];
  const sleep = async () => {
    for (let turn = 0; turn < 20; turn += 1) {
      script.go();
      await Promise.resolve();
    }
  };
  for await (const run of followRun(script.runs, 'run_1', { signal: new AbortController().signal, sleep })) {
    seen.push(run.status);
    script.go();
  }
  expect(seen.at(-1)).toBe('succeeded');
  expect(script.looks).toBeLessThan(5);
});

test('a run that is over already is shown once', async () => {
  const seen: string[] = [];
  const { runs } = scripted(['failed']);
  for await (const run of followRun(runs, 'run_1', { signal: new AbortController().signal })) seen.push(run.status);
  expect(seen).toEqual(['failed']);
});

test('a watch that fails for good ends the following with its error', async () => {
  const runs = {
    get: async () => view('running'),
    watch: () => ({
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.reject(new DomainError('unauthenticated', 'revoked')),
      }),
    }),
  };
  const follow = async () => {
    for await (const run of followRun(runs, 'run_1', { signal: new AbortController().signal })) {
      expect(run.status).toBe('running');
    }
  };
  await expect(follow()).rejects.toMatchObject({ code: 'unauthenticated' });
});

test('params come from JSON and pairs; pairs win; a value may hold anything', () => {
  expect(parseParams('{"a":1,"b":[2]}', ['a=x', 'c==y=', 'd='])).toEqual({ a: 'x', b: [2], c: '=y=', d: '' });
  expect(Object.keys(parseParams(undefined, ['__proto__=x']))).toEqual(['__proto__']);
  for (const pairs of [['novalue'], ['=x'], ['']]) expect(() => parseParams(undefined, pairs)).toThrow('name=value');
  for (const json of ['[]', '1', 'null', '{']) expect(() => parseParams(json, [])).toThrow('--params');
});

test('a coordinator that is away for a while is waited for, another error is not', async () => {
  const { signal } = new AbortController();
  let tries = 0;
  const away = async () => {
    tries += 1;
    if (tries < 3) throw new DomainError('unavailable', 'away');
    return tries;
  };
  expect(await patiently(away, signal, { forMs: 10_000, everyMs: 1 })).toBe(3);
  const gone = () => Promise.reject(new DomainError('unavailable', 'away'));
  await expect(patiently(gone, signal, { forMs: 0, everyMs: 1 })).rejects.toMatchObject({ code: 'unavailable' });
  const asked: number[] = [];
  const wrong = () => {
    asked.push(1);
    return Promise.reject(new DomainError('not_found', 'no'));
  };
  await expect(patiently(wrong, signal, { forMs: 10_000 })).rejects.toMatchObject({ code: 'not_found' });
  expect(asked).toHaveLength(1);
});
