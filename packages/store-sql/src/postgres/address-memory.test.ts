import type { LookupAddress } from 'node:dns';
import { createServer, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { AddressMemory } from './address-memory.ts';

const first: LookupAddress[] = [{ address: '192.0.2.1', family: 4 }];
const second: LookupAddress[] = [{ address: '192.0.2.2', family: 4 }];

/** A name service whose answers are given by hand, in the order in which it was asked. */
class Questions {
  readonly open: { readonly resolve: (answer: LookupAddress[]) => void; readonly reject: (error: Error) => void }[] =
    [];
  asked = 0;

  readonly resolve = (): Promise<LookupAddress[]> => {
    this.asked += 1;
    return new Promise((resolve, reject) => this.open.push({ resolve, reject }));
  };
}

test('goes on with the last addresses while the name service does not answer, and asks it one question at a time', async () => {
  const questions = new Questions();
  const memory = new AddressMemory({ resolve: questions.resolve, patienceMs: 5 });
  const before = memory.addressesOf('db');
  questions.open.shift()?.resolve(first);
  expect(await before).toEqual(first);

  expect(await Promise.all([memory.addressesOf('db'), memory.addressesOf('db')])).toEqual([first, first]);
  expect(await memory.addressesOf('db')).toEqual(first);
  expect(questions.asked).toBe(2);

  questions.open.shift()?.resolve(second);
  await turn();
  const after = memory.addressesOf('db');
  questions.open.shift()?.resolve(second);
  expect(await after).toEqual(second);
});

test('takes the new addresses when they come in time', async () => {
  const questions = new Questions();
  const memory = new AddressMemory({ resolve: questions.resolve, patienceMs: 60_000 });
  for (const answer of [first, second]) {
    const asked = memory.addressesOf('db');
    questions.open.shift()?.resolve(answer);
    expect(await asked).toEqual(answer);
  }
});

test('an error of the name service is told only when no address was ever known', async () => {
  const questions = new Questions();
  const memory = new AddressMemory({ resolve: questions.resolve });
  const unknown = memory.addressesOf('db');
  questions.open.shift()?.reject(new Error('EAI_AGAIN'));
  await expect(unknown).rejects.toThrow('EAI_AGAIN');

  const known = memory.addressesOf('db');
  questions.open.shift()?.resolve(first);
  await known;
  const failed = memory.addressesOf('db');
  questions.open.shift()?.reject(new Error('EAI_AGAIN'));
  expect(await failed).toEqual(first);
});

test('different names and families are asked for apart', async () => {
  const asked: unknown[] = [];
  const memory = new AddressMemory({
    resolve: async (name, { family }) => {
      asked.push([name, family]);
      return first;
    },
  });
  await Promise.all([
    memory.addressesOf('a'),
    memory.addressesOf('b'),
    memory.addressesOf('a', { family: 4 }),
    memory.addressesOf('a', { family: 6 }),
  ]);
  expect(asked).toEqual([
    ['a', undefined],
    ['b', undefined],
    ['a', 4],
    ['a', 6],
  ]);
});

test('its sockets connect by those addresses, and give the error of the name service', async () => {
  const server = createServer((socket) => socket.end('here'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { readonly port: number };
  const memory = new AddressMemory({
    resolve: async (name) => {
      if (name !== 'db.invalid') throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
      return [{ address: '127.0.0.1', family: 4 }];
    },
  });
  const said = (socket: Socket): Promise<string> =>
    new Promise((resolve, reject) => {
      let text = '';
      socket.on('data', (bytes) => {
        text += String(bytes);
      });
      socket.on('end', () => resolve(text));
      socket.on('error', reject);
    });
  try {
    expect(await said(memory.socket().connect(port, 'db.invalid'))).toBe('here');
    await expect(said(memory.socket().connect(port, 'other.invalid'))).rejects.toMatchObject({ code: 'ENOTFOUND' });
  } finally {
    server.close();
  }
});
