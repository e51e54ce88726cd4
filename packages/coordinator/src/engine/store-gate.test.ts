import { DomainError } from '@skein/domain';
import type { Meter, RunStore } from '@skein/ports';
import { createMemoryLog, FakeClock } from '@skein/testkit';
import { expect, test } from 'vitest';
import { StoreGate } from './store-gate.ts';

const full = new DomainError('unavailable', 'full', { reason: 'disk_full' });
const meter: Meter = { count: () => undefined, gauge: () => undefined, observe: () => undefined };

const setUp = () => {
  const clock = new FakeClock();
  const store = { broken: true as boolean, probes: 0 };
  const runs = {
    probeWrite: async () => {
      store.probes += 1;
      if (store.broken) throw full;
    },
  } as unknown as RunStore;
  let openings = 0;
  const gate = new StoreGate({ clock, log: createMemoryLog(), meter, runs }, () => {
    openings += 1;
  });
  return { clock, store, gate, openings: () => openings };
};

test('a write that fails because the disk is full closes the gate, and only a write that goes through opens it', async () => {
  const { clock, store, gate, openings } = setUp();
  gate.failed(full);
  expect(gate.reason).toBe('disk_full');
  expect(() => gate.requireOpen()).toThrow(/disk is full/);
  let opened = false;
  void gate.opened().then(() => {
    opened = true;
  });
  await clock.advance(60_000);
  expect(store.probes).toBeGreaterThan(5);
  expect({ opened, openings: openings() }).toEqual({ opened: false, openings: 0 });
  store.broken = false;
  await clock.advance(5_000);
  expect({ opened, openings: openings(), reason: gate.reason }).toEqual({
    opened: true,
    openings: 1,
    reason: undefined,
  });
  gate.requireOpen();
});

test('an append whose answer was lost says nothing of the store', () => {
  const { gate } = setUp();
  gate.failed(new DomainError('unavailable', 'lost'));
  gate.failed(new Error('bug'));
  expect(gate.reason).toBeUndefined();
});

test('a gate that is over lets everybody go and probes no more', async () => {
  const { clock, store, gate } = setUp();
  gate.failed(full);
  const waiting = gate.opened();
  gate.close();
  await waiting;
  await clock.advance(60_000);
  expect(store.probes).toBe(0);
});
