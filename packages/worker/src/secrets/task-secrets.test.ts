import { DomainError } from '@skein/domain';
import { expect, test } from 'vitest';
import { createWorld, offerOf, succeeded } from '../../test/task-world.ts';
import { Redactor } from './redactor.ts';
import { createTaskSecrets } from './task-secrets.ts';

test('a secret comes from the worker first, is read once, and is in nothing that the task says', async () => {
  const { run, seen } = createWorld(async ({ readSecret, sink, redact }) => {
    const [own, again, theirs] = [await readSecret('own'), await readSecret('own'), await readSecret('theirs')];
    expect([own, again, theirs]).toEqual(['worker-value', 'worker-value', 'coordinator-value']);
    sink.log(new TextEncoder().encode(`key ${own.slice(0, 5)}`), 'stdout');
    sink.log(new TextEncoder().encode('between\n'), 'stderr');
    sink.log(new TextEncoder().encode(`${own.slice(5)} and ${btoa(`x${theirs}`)}\n`), 'stdout');
    expect(redact({ [own]: [theirs] })).toEqual({ '[redacted]': ['[redacted]'] });
    return {
      outcome: {
        status: 'failed',
        error: { code: 'unprocessable', message: `no ${own}`, details: { stderr: theirs } },
      },
      stdout: `${own} ${encodeURIComponent(theirs)}`,
      outputs: { a: own, [theirs]: { deep: [`<${own}>`] } },
      proposals: [{ scope: 'agent/a', op: 'append', text: `the key is ${theirs}` }],
    };
  });
  const result = await run(offerOf());
  expect(JSON.stringify(result) + seen.logged).not.toMatch(/worker-value|coordinator-value/);
  expect(result).toMatchObject({
    outcome: { error: { message: 'no [redacted]', details: { stderr: '[redacted]' } } },
    stdout: { inline: '[redacted] [redacted]' },
    outputs: { a: { inline: '[redacted]' }, '[redacted]': { inline: { deep: ['<[redacted]>'] } } },
    proposals: [{ text: 'the key is [redacted]' }],
  });
  expect(seen.logged).toMatch(/^key between\n\[redacted\] and \S*\[redacted\]\S*\n$/);
  expect(seen.asked).toEqual(['theirs']);
});

test('what was held back of the log is said before the task ends', async () => {
  const { run, seen } = createWorld(async ({ readSecret, sink }) => {
    await readSecret('own');
    sink.log(new TextEncoder().encode('all the work'), 'stdout');
    return succeeded;
  });
  await run(offerOf());
  expect(seen.logged).toBe('all the work');
});

test('a bug that quotes a secret is logged without it, with its stack', async () => {
  const { run, log } = createWorld(async ({ readSecret }) => {
    throw new TypeError(`bad header: ${await readSecret('own')}`);
  });
  expect(await run(offerOf())).toMatchObject({ outcome: { error: { code: 'internal', message: 'internal error' } } });
  const [line] = log.lines.filter(({ level }) => level === 'error');
  expect(line?.fields?.['error']).toMatch(/^TypeError: bad header: \[redacted\]\n +at /);
});

test('what cannot be stored fails with an error that quotes no secret', async () => {
  const { run } = createWorld(async ({ readSecret }) => {
    await readSecret('own');
    return { ...succeeded, outputs: { ['worker-value'.repeat(4_000)]: 1 } };
  });
  expect(JSON.stringify(await run(offerOf()))).not.toContain('worker-value');
});

test('a proposal that the marks make longer than may be stored fails the step instead of being sent for ever', async () => {
  const { run } = createWorld(async ({ readSecret }) => {
    await readSecret('short');
    return { ...succeeded, proposals: [{ scope: 'agent/a', op: 'append', text: 'ollama '.repeat(1_100) }] };
  });
  const result = await run(offerOf());
  expect(result).toMatchObject({ outcome: { status: 'failed', error: { code: 'too_large' } } });
  expect(result.proposals).toBeUndefined();
});

test('a secret that nobody has is a typed failure that names it', async () => {
  const { run, seen } = createWorld(async ({ readSecret }) => {
    await readSecret('nobodys');
    return succeeded;
  });
  expect(await run(offerOf())).toMatchObject({
    outcome: { status: 'failed', error: { code: 'not_found', message: expect.stringContaining('nobodys') as string } },
  });
  expect(seen.asked).toEqual(['nobodys']);
});

/** Secrets of a task whose worker has none, with what the coordinator answers in turn, and what the log was told. */
const askingFor = (...answers: readonly (string | DomainError)[]) => {
  const notes: string[] = [];
  let asked = 0;
  const redactor = new Redactor();
  const read = createTaskSecrets({
    own: { read: async () => undefined },
    transfers: {
      readSecret: async () => {
        asked += 1;
        const answer = answers[asked - 1] ?? 'none';
        if (typeof answer === 'string') return answer;
        throw answer;
      },
    },
    redactor,
    note: (line) => notes.push(line),
  });
  return { read, redactor, notes };
};

test('what the coordinator refuses stays its own error, and may be asked for again', async () => {
  const { read } = askingFor(new DomainError('permission_denied', 'not yours', {}), 'hunter2!');
  await expect(read('KEY')).rejects.toMatchObject({ code: 'permission_denied', message: 'not yours' });
  expect(await read('KEY')).toBe('hunter2!');
});

test('an empty secret is none', async () => {
  await expect(askingFor('').read('KEY')).rejects.toMatchObject({ code: 'not_found', details: { secret: 'KEY' } });
});

test('a secret that is too short to be taken out of logs is given, and the log says so, without it', async () => {
  const { read, notes, redactor } = askingFor('abc');
  expect(await read('KEY')).toBe('abc');
  expect(notes).toEqual([expect.stringMatching(/the secret KEY is shorter than 4 characters/)]);
  expect(redactor.isEmpty).toBe(true);
});
