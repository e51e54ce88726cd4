import { expect, test } from 'vitest';
import { createWorld, offerOf, succeeded } from '../../test/task-world.ts';

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
