import { DomainError, type TaskOffer } from '@skein/domain';
import { agentContextOf, createNodeHasher } from '@skein/testkit';
import { expect, test } from 'vitest';
import { openPlayback } from './open-playback.ts';

const hasher = createNodeHasher();
const encoder = new TextEncoder();

const offerOf = (text: string): TaskOffer => {
  const bytes = encoder.encode(text);
  return { ...agentContextOf().offer, playback: { digest: hasher.digest(bytes), bytes: bytes.byteLength } };
};

const open = (offer: TaskOffer, fetchBlob: () => Promise<Uint8Array>) => openPlayback(hasher, { fetchBlob }, offer);

const document = JSON.stringify({
  format: 1,
  mode: 'strict',
  calls: [{ tool: 'bash', input: '{}', output: null, isError: false }],
});

test('a task without a playback has none, and nothing is fetched', async () => {
  const fetchBlob = () => Promise.reject(new Error('fetched'));
  expect(await open(agentContextOf().offer, fetchBlob)).toBeUndefined();
});

test('the playback is fetched and verified', async () => {
  expect(await open(offerOf(document), async () => encoder.encode(document))).toEqual(JSON.parse(document));
});

test.each([
  ['damaged', document, document.replace('strict', 'live')],
  ['no JSON', '{', '{'],
  ['no playback', '[]', '[]'],
  ['of another format', document.replace('1', '2'), document.replace('1', '2')],
  ['of an unknown mode', document.replace('strict', 'loose'), document.replace('strict', 'loose')],
  ['of calls that are none', document.replace('"tool"', '"tools"'), document.replace('"tool"', '"tools"')],
])('a playback that is %s ends the task before anything is done', async (_case, named, fetched) => {
  await expect(open(offerOf(named), async () => encoder.encode(fetched))).rejects.toMatchObject({
    code: 'data_corrupt',
    details: { reason: 'playback' },
  });
});

test('one that is gone ends the task; one that cannot be had now lets it be tried again', async () => {
  const fails = (code: 'not_found' | 'unavailable') => () => Promise.reject(new DomainError(code, 'no'));
  await expect(open(offerOf(document), fails('not_found'))).rejects.toMatchObject({ code: 'data_corrupt' });
  await expect(open(offerOf(document), fails('unavailable'))).rejects.toMatchObject({ code: 'unavailable' });
});
