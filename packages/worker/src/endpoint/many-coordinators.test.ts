import { DomainError, type ErrorCode } from '@skein/domain';
import type { CoordinatorMessage, Random, StreamListener } from '@skein/ports';
import { createSeededRandom } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import { type ClosableGateway, createManyCoordinators } from './many-coordinators.ts';

const task = { runId: 'run_1', step: 'a', attempt: 1, token: 1 };
const credentials = { token: 'join' };

/** Gateways that remember what was asked of them, by address. */
const setUp = (...addresses: readonly string[]) => setUpWith(undefined, ...addresses);

const setUpWith = (random: Random | undefined, ...addresses: readonly string[]) => {
  const opened: string[] = [];
  const fetched: string[] = [];
  const closed: string[] = [];
  let listener: StreamListener<CoordinatorMessage> | undefined;
  const many = createManyCoordinators(
    addresses,
    (address) =>
      ({
        openWorkerStream: (_credentials, given) => {
          opened.push(address);
          listener = given;
          return { send: () => undefined, close: () => undefined };
        },
        fetchBlob: (_credentials, sessionId) => {
          fetched.push(`${sessionId} at ${address}`);
          return Promise.resolve(new Uint8Array());
        },
        reportExit: () => {
          fetched.push(`exit at ${address}`);
          if (address.startsWith('away')) return Promise.reject(new DomainError('unavailable', `${address} is away`));
          return address.startsWith('strict')
            ? Promise.reject(new DomainError('unauthenticated', `${address} takes nobody`))
            : Promise.resolve();
        },
        close: () => closed.push(address),
      }) as Partial<ClosableGateway> as ClosableGateway,
    random,
  );
  const heard: CoordinatorMessage[] = [];
  const open = (): void => {
    many.openWorkerStream(credentials, { onMessage: (message) => heard.push(message), onClosed: () => undefined });
  };
  const welcome = (sessionId: string, coordinators?: readonly string[]): void =>
    listener?.onMessage({
      type: 'welcome',
      protocol: 1,
      sessionId,
      coordinatorId: 'c',
      serverTime: 0,
      heartbeatMs: 1,
      leaseMs: 1,
      snapshotFormat: 1,
      keep: [],
      ...(coordinators === undefined ? {} : { coordinators }),
    });
  const refuse = (code: ErrorCode, details?: { readonly moveTo: string }): void =>
    listener?.onMessage({
      type: 'refused',
      error: { code, message: 'no', ...(details === undefined ? {} : { details }) },
    });
  return { many, open, welcome, refuse, opened, fetched, closed, heard };
};

test('each stream goes to the next coordinator in turn', () => {
  const { open, opened } = setUp('a:1', 'b:1', 'c:1');
  for (let count = 0; count < 4; count += 1) open();
  expect(opened).toEqual(['a:1', 'b:1', 'c:1', 'a:1']);
});

test('one address is tried again and again', () => {
  const { open, opened } = setUp('a:1');
  open();
  open();
  expect(opened).toEqual(['a:1', 'a:1']);
});

test('addresses of a welcome come after the given ones, until another welcome names others', () => {
  const { open, welcome, opened, closed, heard } = setUp('a:1', 'b:1');
  open();
  welcome('s1', ['c:1', 'a:1', 'd:1']);
  for (let count = 0; count < 4; count += 1) open();
  expect(opened).toEqual(['a:1', 'b:1', 'c:1', 'd:1', 'a:1']);
  welcome('s2', ['e:1']);
  expect(closed).toEqual(['c:1', 'd:1']);
  for (let count = 0; count < 3; count += 1) open();
  expect(opened.slice(5)).toEqual(['b:1', 'e:1', 'a:1']);
  welcome('s3'); // says nothing of others
  open();
  open();
  expect(opened.slice(8)).toEqual(['b:1', 'e:1']);
  expect(heard).toHaveLength(3);
});

test('remembers no more than 32 addresses of a welcome', () => {
  const { open, welcome, opened } = setUp('a:1');
  open();
  welcome(
    's1',
    Array.from({ length: 50 }, (_, index) => `h${index}:1`),
  );
  for (let count = 0; count < 33; count += 1) open();
  expect(opened.at(-2)).toBe('h31:1');
  expect(opened.at(-1)).toBe('a:1');
});

test('calls of a session go to the coordinator that opened it', async () => {
  const { many, open, welcome, fetched, closed } = setUp('a:1', 'b:1');
  open();
  welcome('s1');
  await many.fetchBlob(credentials, 's1', task, 'sha256:x');
  open(); // under way to the next, which has not answered
  await many.fetchBlob(credentials, 's1', task, 'sha256:x');
  welcome('s2');
  await many.fetchBlob(credentials, 's2', task, 'sha256:x');
  expect(fetched).toEqual(['s1 at a:1', 's1 at a:1', 's2 at b:1']);
  many.close();
  expect(closed).toEqual(['a:1', 'b:1']);
});

test('the report of an exit goes to the first coordinator that is there', async () => {
  const { many, fetched } = setUp('away-1:1', 'away-2:1', 'c:1', 'd:1');
  await many.reportExit(credentials, { incarnation: 'lch_1' });
  expect(fetched).toEqual(['exit at away-1:1', 'exit at away-2:1', 'exit at c:1']);
  const none = setUp('away-1:1', 'away-2:1');
  await expect(none.many.reportExit(credentials, { incarnation: 'lch_1' })).rejects.toThrow('away-2:1 is away');
});

test('one that refuses the worker for good ends nothing while another may let it in', () => {
  const { open, welcome, refuse, opened, heard } = setUp('a:1', 'b:1');
  const codes = () => heard.map((message) => (message.type === 'refused' ? message.error.code : message.type));
  open();
  refuse('unauthenticated');
  open();
  welcome('s1', ['c:1']);
  open();
  refuse('unauthenticated');
  open(); // a again
  refuse('unauthenticated');
  open();
  refuse('unavailable'); // b is starting: that is no word of its own
  expect(codes()).toEqual(['unavailable', 'welcome', 'unavailable', 'unavailable', 'unavailable']);
  open();
  open();
  open();
  refuse('unauthenticated');
  expect(opened.slice(-3)).toEqual(['c:1', 'a:1', 'b:1']);
  expect(codes().at(-1)).toBe('unauthenticated');
});

test('a refusal for good is forgotten when the same one lets the worker in', () => {
  const { open, welcome, refuse, heard } = setUp('a:1', 'b:1');
  open();
  refuse('unauthenticated');
  open(); // b is away
  open();
  welcome('s1');
  open();
  refuse('unauthenticated');
  expect(heard.at(-1)).toMatchObject({ type: 'refused', error: { code: 'unavailable' } });
});

test('the only one that refuses the worker for good ends it', () => {
  const { open, refuse, heard } = setUp('a:1');
  open();
  refuse('unauthenticated');
  expect(heard).toEqual([{ type: 'refused', error: { code: 'unauthenticated', message: 'no' } }]);
});

test('the report of an exit that one refuses is taken by the next', async () => {
  const { many, fetched } = setUp('strict:1', 'b:1');
  await many.reportExit(credentials, { incarnation: 'lch_1' });
  expect(fetched).toEqual(['exit at strict:1', 'exit at b:1']);
});

describe('by chance', () => {
  const addresses = ['a:1', 'b:1', 'c:1', 'd:1'];

  test('workers spread over the coordinators, at the first stream and after they lost one together', () => {
    const random = createSeededRandom(7);
    const first = new Map<string, number>();
    const second = new Map<string, number>();
    for (let worker = 0; worker < 400; worker += 1) {
      const { open, welcome, opened } = setUpWith(random, ...addresses);
      open();
      welcome('s1', addresses);
      open();
      const [here = '', there = ''] = opened;
      first.set(here, (first.get(here) ?? 0) + 1);
      if (here === 'a:1') second.set(there, (second.get(there) ?? 0) + 1);
    }
    for (const address of addresses) expect(first.get(address)).toBeGreaterThan(70);
    expect([...second.keys()].toSorted()).toEqual(['b:1', 'c:1', 'd:1']);
  });

  test('each is tried once before one is tried again', () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const { open, welcome, opened } = setUpWith(createSeededRandom(seed), ...addresses);
      for (let count = 0; count < 8; count += 1) open();
      expect(new Set(opened.slice(0, 4)).size).toBe(4);
      expect(opened[4]).not.toBe(opened[3]);
      welcome('s1');
      opened.length = 0;
      for (let count = 0; count < 3; count += 1) open();
      expect(new Set(opened).size).toBe(3);
    }
  });

  test('a worker goes where a coordinator with more than its share sends it, if it knows that place', () => {
    for (let seed = 0; seed < 10; seed += 1) {
      const { open, welcome, refuse, opened } = setUpWith(createSeededRandom(seed), 'a:1');
      open();
      welcome('s1', addresses);
      refuse('unavailable', { moveTo: 'd:1' });
      open();
      expect(opened).toEqual(['a:1', 'd:1']);
      welcome('s2', addresses);
      refuse('unavailable', { moveTo: 'evil:1' });
      for (let count = 0; count < 10; count += 1) open();
      expect(opened).not.toContain('evil:1');
    }
  });
});
