import { stepOf } from '@skein/testkit';
import { expect, test } from 'vitest';
import { renderPrompt } from './render-prompt.ts';

const noFiles = () => Promise.reject(new Error('no file was asked for'));
const none = { refs: {}, upstreamEnv: {} };

test('references become their values, strings as they are and the rest as canonical JSON', async () => {
  const refs = { 'steps.a.outputs.list': [{ b: 1, a: '${params.x}' }], 'params.x': 'hi' };
  const prompt = 'Do ${params.x}: ${steps.a.outputs.list} and $${params.x} and ${HOME}.';
  expect(await renderPrompt(prompt, stepOf('s'), { ...none, refs }, noFiles)).toBe(
    'Do hi: [{"a":"${params.x}","b":1}] and ${params.x} and ${HOME}.',
  );
});

test('an @file reference becomes the path of a file that holds the value', async () => {
  const stored: string[] = [];
  const store = (index: number, text: string, isJson: boolean) => {
    stored.push(text);
    return Promise.resolve(`inputs/${index}.${isJson ? 'json' : 'txt'}`);
  };
  const refs = { 'params.x': 'text', item: [1] };
  const prompt = 'Read ${item@file} and ${params.x@file}, not ${params.x}.';
  expect(await renderPrompt(prompt, stepOf('s'), { ...none, refs }, store)).toBe(
    'Read inputs/1.json and inputs/2.txt, not text.',
  );
  expect(stored).toEqual(['[1]', 'text']);
});

test('env references see the entries of the step in order, then what upstream steps gave', async () => {
  const step = stepOf('s', {
    env: [
      { name: 'A', value: 'one ${params.x}' },
      { name: 'A', value: '${env.A} two' },
      { name: 'B', value: '$A|${UP}|$UNKNOWN|${steps.x.outputs.y}' },
    ],
  });
  const inputs = { refs: { 'params.x': '1', 'steps.x.outputs.y': '$A' }, upstreamEnv: { UP: 'stream' } };
  expect(await renderPrompt('${env.A} ${env.UP}, ${env.NONE}, ${env.B}', step, inputs, noFiles)).toBe(
    'one 1 two stream, , one 1 two|stream|$UNKNOWN|$A',
  );
});

test('a fan-out item is there although it was not listed', async () => {
  const inputs = { ...none, item: { index: 0, value: { a: 1 } } };
  expect(await renderPrompt('${item}', stepOf('s'), inputs, noFiles)).toBe('{"a":1}');
});

test('a reference without a value is a typed error', async () => {
  await expect(renderPrompt('${params.y}', stepOf('s'), none, noFiles)).rejects.toMatchObject({
    code: 'invalid_argument',
    message: 'the task has no value for the reference ${params.y}',
  });
});
