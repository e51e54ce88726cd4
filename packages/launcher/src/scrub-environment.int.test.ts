import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

/** Runs as a process of its own, since it clears the environment of the process that it is in. */
const program = `
  import { readFileSync } from 'node:fs';
  import { execFileSync } from 'node:child_process';
  const { scrubEnvironment } = await import(${JSON.stringify(new URL('./scrub-environment.ts', import.meta.url).href)});
  const block = () => readFileSync('/proc/self/environ', 'latin1');
  const before = process.platform === 'linux' ? block().includes('sk-canary') : true;
  const done = scrubEnvironment(['MY_API_KEY']);
  const after = process.platform === 'linux' && (block().includes('sk-canary') || !block().includes('KEPT=still here'));
  const child = execFileSync(process.execPath, ['-p', 'JSON.stringify(process.env)'], { encoding: 'utf8' });
  console.log(JSON.stringify({ before, done, after, own: process.env['MY_API_KEY'] ?? null, kept: process.env['KEPT'], child: child.includes('sk-canary'), childKept: child.includes('still here') }));
`;

test('a scrubbed variable is gone from the process, from what others can read of it, and from its children; the rest stays', () => {
  const said = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    encoding: 'utf8',
    env: { ...process.env, MY_API_KEY: 'sk-canary-1234', KEPT: 'still here' },
  });
  expect(JSON.parse(said)).toEqual({
    before: true,
    done: true,
    after: false,
    own: null,
    kept: 'still here',
    child: false,
    childKept: true,
  });
});
