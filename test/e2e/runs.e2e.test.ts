import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folderWith, Stack, skein } from './stack.ts';

const project = {
  'dags/fan.yaml': `name: fan
params:
  - name: count
    type: integer
    default: 1000
steps:
  - id: list
    env:
      COUNT: \${params.count}
    script: |
      i=0
      printf '{"items":[' > "$SKEIN_OUTPUT"
      while [ "$i" -lt "$COUNT" ]; do
        [ "$i" -gt 0 ] && printf ',' >> "$SKEIN_OUTPUT"
        printf '%s' "$i" >> "$SKEIN_OUTPUT"
        i=$((i + 1))
      done
      printf ']}' >> "$SKEIN_OUTPUT"
    outputs:
      items: array
  - id: each
    depends: list
    foreach:
      items: \${steps.list.outputs.items}
      max_concurrent: 50
    command: echo "item-\${item}"
    output: LINE
  - id: count
    depends: each
    env:
      RESULTS: \${steps.each.outputs.results}
    script: |
      #!/usr/bin/env node
      const { readFileSync } = require('node:fs');
      const text = process.env.RESULTS ?? readFileSync(process.env.RESULTS_FILE, 'utf8');
      const results = JSON.parse(text);
      const good = results.filter((result, index) => result.status === 'succeeded' && result.item === index);
      console.log(good.length);
    output: GOOD
`,
  'dags/errors.yaml': `name: errors
steps:
  - id: exit_code
    command: exit 7
    continue_on: { exit_code: [7] }
  - id: unknown_command
    command: no-such-command-here
    continue_on: failed
  - id: timeout
    command: sleep 60
    timeout_sec: 1
    continue_on: failed
  - id: missing_output
    command: echo nothing
    outputs:
      wanted: string
    continue_on: failed
  - id: wrong_type
    script: echo 'number=abc' >> "$SKEIN_OUTPUT"
    outputs:
      number: integer
    continue_on: failed
  - id: retried
    command: exit 3
    retry_policy: { limit: 2, interval_sec: 0 }
    continue_on: failed
  - id: not_met
    preconditions:
      - condition: "yes"
        expected: "no"
    command: echo never
    continue_on: skipped
  - id: bad_reference
    depends: exit_code
    env:
      X: \${steps.exit_code.outputs.none}
    command: echo "$X"
    continue_on: failed
  - id: fails
    depends: [exit_code, unknown_command, timeout, missing_output, wrong_type, retried, not_met, bad_reference]
    command: exit 9
  - id: upstream
    depends: fails
    command: echo never
`,
  'dags/hostile.yaml': `name: hostile
params:
  - name: text
    type: string
    required: true
steps:
  - id: say
    command: printf '%s' \${params.text}
    output: SAID
  - id: quoted
    command: printf '%s' "<\${params.text}>"
    output: SAID2
`,
};

let folder: string;
let stack: Stack;

beforeAll(async () => {
  folder = folderWith(project);
  // Attempts are counted: no lease lapses while the machine stands still.
  stack = await Stack.start(folder, { env: { SKEIN_LEASE_MS: '120000' } });
});

afterAll(async () => {
  const { left, exitCode } = await stack.stop();
  stack.remove();
  rmSync(folder, { recursive: true, force: true });
  expect([exitCode, left]).toEqual([0, []]);
});

describe('a fan-out over 1,000 items', () => {
  it('runs every item once, on both workers, and hands on the results in item order', async () => {
    const run = await stack.finished((await stack.submit('fan')).runId, 240_000);
    expect(run.error).toBeUndefined();
    expect(run.status).toBe('succeeded');
    const each = run.steps.find((step) => step.id === 'each');
    expect(each?.items).toEqual({ count: 1000, succeeded: 1000 });
    expect(run.steps.find((step) => step.id === 'count')?.outputs).toMatchObject({ GOOD: '1000' });
    const seen = new Set<string | undefined>();
    let cursor: string | undefined;
    let items = 0;
    do {
      const query: string = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const page = await stack.call<{ items: RunItem[]; nextCursor: string | null }>(
        'GET',
        `/api/runs/${run.runId}/steps/each/items?limit=200${query}`,
      );
      expect([page.status, page.body]).toEqual([200, expect.objectContaining({ items: expect.any(Array) })]);
      for (const item of page.body.items) seen.add(item.workerId);
      items += page.body.items.length;
      cursor = page.body.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect([items, seen.size]).toEqual([1000, 2]);
  });

  it('succeeds over an empty list', async () => {
    const run = await stack.finished((await stack.submit('fan', { count: 0 })).runId);
    expect([run.status, run.steps[2]?.outputs['GOOD']]).toEqual(['succeeded', '0']);
  });
});

interface RunItem {
  readonly workerId?: string;
}

describe('a DAG with every kind of error', () => {
  it('gives each step its own typed end', async () => {
    const run = await stack.finished((await stack.submit('errors')).runId);
    const ends = Object.fromEntries(
      run.steps.map((step) => [step.id, [step.status, step.attempt, step.error?.code ?? step.skipReason ?? '']]),
    );
    expect(ends).toMatchObject({
      exit_code: ['failed', 1, expect.any(String)],
      unknown_command: ['failed', 1, expect.any(String)],
      timeout: ['failed', 1, 'deadline_exceeded'],
      missing_output: ['failed', 1, expect.any(String)],
      wrong_type: ['failed', 1, expect.any(String)],
      retried: ['failed', 3, expect.any(String)],
      not_met: ['skipped', 1, 'precondition_not_met'],
      bad_reference: ['failed', 0, expect.any(String)],
      fails: ['failed', 1, expect.any(String)],
      upstream: ['skipped', 0, 'upstream_failed'],
    });
    expect(run.status).toBe('failed');
    expect(run.steps.find((step) => step.id === 'exit_code')?.exitCode).toBe(7);
    expect(run.error?.message).toContain('fails');
  });
});

describe('a parameter full of shell', () => {
  it('is only ever a string', async () => {
    const text = `"; touch /tmp/skein-owned; echo '$(id)' \`id\` \\ \${HOME} üñí-😀\nline two`;
    const run = await stack.finished((await stack.submit('hostile', { text })).runId);
    expect(run.steps.map((step) => step.outputs)).toEqual([{ SAID: text }, { SAID2: `<${text}>` }]);
  });

  it('is refused at submit when it is missing, unknown or of the wrong type', async () => {
    for (const params of [{}, { text: 'x', other: 1 }, { text: { a: 1 } }]) {
      const answer = await stack.call<{ code: string; problems: unknown[] }>('POST', '/api/runs', {
        dag: 'hostile',
        params,
      });
      expect([answer.status, answer.body.code]).toEqual([400, 'invalid_argument']);
      expect(answer.body.problems.length).toBeGreaterThan(0);
    }
  });
});

describe('the command line', () => {
  it('runs a DAG, waits for it, and says so in JSON and in its exit code', async () => {
    const good = await skein(stack, 'run', 'fan', '-p', 'count=3', '--wait', '--json');
    expect(good.exitCode).toBe(0);
    expect(JSON.parse(good.stdout)).toMatchObject({ dag: 'fan', status: 'succeeded' });
    const bad = await skein(stack, 'run', 'errors', '--wait', '--json');
    expect(bad.exitCode).toBe(1);
    const usage = await skein(stack, 'run', 'fan', '--no-such-option');
    expect(usage.exitCode).toBe(2);
    const unknown = await skein(stack, 'run', 'no-such-dag', '--json');
    expect([unknown.exitCode, unknown.stderr + unknown.stdout]).toEqual([2, expect.stringContaining('no-such-dag')]);
  });

  it('exits with 3 when there is no coordinator', async () => {
    const answer = await skein(undefined, 'runs', '--url', 'http://127.0.0.1:9', '--token', 'none');
    expect(answer.exitCode).toBe(3);
  });
});
