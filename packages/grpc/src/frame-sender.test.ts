import type { DomainError } from '@skein/domain';
import { expect, test } from 'vitest';
import { FrameSender } from './frame-sender.ts';
import { framedLength } from './wire/frame.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const setUp = (options: { readonly maxBufferedBytes?: number; readonly takes?: boolean } = {}) => {
  const frames: Buffer[] = [];
  const pending: (() => void)[] = [];
  const overflows: DomainError[] = [];
  const sender = new FrameSender({
    maxBufferedBytes: options.maxBufferedBytes ?? 8 * 1024 * 1024,
    maxMessageBytes: 1024 * 1024,
    overflow: (error) => overflows.push(error),
    write: (frame, taken) => {
      frames.push(frame);
      if (options.takes ?? true) taken();
      else pending.push(taken);
    },
  });
  return { frames, pending, overflows, sender };
};

/** The payloads of a frame. */
const open = (frame: Buffer): Buffer[] => {
  const messages: Buffer[] = [];
  for (let at = 0; at < frame.length; ) {
    expect(frame[at++]).toBe(0x0a);
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = frame[at++] as number;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    messages.push(frame.subarray(at, at + length));
    at += length;
  }
  return messages;
};

test('gathers the messages of one turn into one frame, in order', async () => {
  const { frames, sender } = setUp();
  for (let index = 0; index < 300; index++) sender.send(Buffer.from([index & 0xff, index >> 8]));
  expect(frames).toEqual([]);
  await turn();
  expect(frames.length).toBe(1);
  expect(open(frames[0] as Buffer).map((message) => message.readUInt16LE(0))).toEqual(
    Array.from({ length: 300 }, (_, index) => index),
  );
});

test('splits what is larger than half a megabyte, and computes sizes exactly', async () => {
  const { frames, sender } = setUp();
  const sizes = [0, 1, 127, 128, 16_383, 16_384, 300_000, 300_000, 1_048_576, 5];
  for (const size of sizes) sender.send(Buffer.alloc(size, 7));
  await turn();
  expect(frames.flatMap(open).map((message) => message.length)).toEqual(sizes);
  for (const frame of frames) {
    const messages = open(frame);
    expect(frame.length).toBe(messages.reduce((sum, message) => sum + framedLength(message.length), 0));
    if (messages.length > 1) expect(frame.length).toBeLessThanOrEqual(512 * 1024);
  }
});

test('keeps at most about half a megabyte in the hands of a slow stream, and goes on when it takes more', async () => {
  const { frames, pending, sender } = setUp({ takes: false });
  for (let index = 0; index < 60; index++) sender.send(Buffer.alloc(100_000, index));
  await turn();
  const held = frames.reduce((sum, frame) => sum + frame.length, 0);
  expect(held).toBeLessThan(1024 * 1024);
  while (pending.length > 0) pending.shift()?.();
  expect(frames.flatMap(open).map((message) => message[0])).toEqual(Array.from({ length: 60 }, (_, index) => index));
});

test('overflows once past its bound and drops the rest', async () => {
  const { frames, overflows, sender } = setUp({ takes: false, maxBufferedBytes: 1_000_000 });
  for (let index = 0; index < 30; index++) sender.send(Buffer.alloc(100_000));
  await turn();
  expect(overflows.map(({ code }) => code)).toEqual(['resource_exhausted']);
  expect(frames).toEqual([]);
});

test('counts what the transport has not taken towards the bound', async () => {
  const { overflows, pending, sender } = setUp({ takes: false, maxBufferedBytes: 1_000_000 });
  for (let round = 0; round < 9; round++) {
    sender.send(Buffer.alloc(100_000));
    await turn();
  }
  pending.shift()?.();
  sender.send(Buffer.alloc(100_000));
  expect(overflows).toEqual([]);
  sender.send(Buffer.alloc(500_000));
  expect(overflows.length).toBe(1);
});

test('refuses a message that no frame can hold', () => {
  const { overflows, sender } = setUp();
  sender.send(Buffer.alloc(1024 * 1024 + 1));
  expect(overflows[0]).toMatchObject({ code: 'too_large', details: { limit: 1_048_576, actual: 1_048_577 } });
});

test('ends after the messages before the end are written, and takes none after it', async () => {
  const { frames, pending, sender } = setUp({ takes: false });
  let ended = 0;
  for (let index = 0; index < 20; index++) sender.send(Buffer.alloc(100_000, index));
  sender.end(() => ended++);
  sender.send(Buffer.from('late'));
  await turn();
  expect(ended).toBe(0);
  while (pending.length > 0) pending.shift()?.();
  expect([ended, frames.flatMap(open).length]).toEqual([1, 20]);
});
