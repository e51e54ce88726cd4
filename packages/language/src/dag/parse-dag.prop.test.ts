import { isName, type JsonValue } from '@skein/domain';
import { propertyRuns } from '@skein/testkit';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { renderProblems } from '../problem/render-problems.ts';
import { parseDag } from './parse-dag.ts';

/** Patient, because other tests share the machine. */
vi.setConfig({ testTimeout: propertyRuns(30_000) });

/** Pieces of real files, so that random texts reach beyond the first syntax error. */
const pieces = fc.constantFrom(
  'name: x\n',
  'steps:\n',
  '  - id: a\n',
  '    command: echo ${params.x}\n',
  '    depends: [a, b]\n',
  '    retry_policy: { limit: 1 }\n',
  '    foreach: ${steps.a.outputs.x}\n',
  'params:\n',
  '  - A=1\n',
  'env: { A: "${B}" }\n',
  'schedule: "0 9 * * *"\n',
  'handler_on: { exit: echo }\n',
  'secrets: [A, { name: B, source: b }]\n',
  'outputs: { x: "${steps.a.outputs.x}" }\n',
  '    call: c\n',
  '    choices: [c]\n',
  '    params: { x: 1 }\n',
  '---\nname: c\nsteps: [echo]\n',
  '...\n',
  '    <<: *x\n',
  '&x ',
  '*x',
  '---\n',
  '[',
  ']',
  '{',
  '}',
  '? ',
  '- ',
  ': ',
  '\t',
  '"',
  "'",
  '|\n',
  '!!binary ',
  '%YAML 1.1\n',
  '\u0000',
  '\uD800',
  '\uFEFF',
  '\r',
);
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.array(fc.oneof(pieces, fc.string({ maxLength: 8 })), { maxLength: 40 }).map((parts) => parts.join('')),
);
const anyValue: fc.Arbitrary<unknown> = fc.jsonValue({ maxDepth: 3 });

test('no text makes the parser throw, and every refusal names its place', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const read = parseDag(text, 'x.yaml');
      if (read.ok) return;
      expect(read.error.length).toBeGreaterThan(0);
      for (const problem of read.error) {
        expect(problem.line).toBeGreaterThanOrEqual(1);
        expect(problem.column).toBeGreaterThanOrEqual(1);
        expect(problem.message).not.toBe('');
      }
    }),
    { numRuns: propertyRuns(150) },
  );
});

const fieldNames = fc.constantFrom(
  'name',
  'labels',
  'params',
  'env',
  'schedule',
  'type',
  'timeout_sec',
  'defaults',
  'shell',
  'working_dir',
  'worker_selector',
  'handler_on',
  'secrets',
  'outputs',
);
const stepFieldNames = fc.constantFrom(
  'id',
  'name',
  'type',
  'depends',
  'command',
  'exec',
  'script',
  'shell',
  'env',
  'output',
  'outputs',
  'foreach',
  'preconditions',
  'continue_on',
  'retry_policy',
  'timeout_sec',
  'worker_selector',
  'agent',
  'prompt',
  'limits',
  'memory',
  'output_schema',
  'on_worker_loss',
  'repeat_safe',
  'call',
  'choices',
  'params',
  'secrets',
  'nonsense',
);

/** Values that look like what some field wants. */
const nearValue: fc.Arbitrary<unknown> = fc.oneof(
  anyValue,
  fc.constantFrom('child', 'root', 'a', '${params.x}', '${steps.a.outputs.b}', '${item}', '${secrets.X}', '@exit', ''),
  fc.dictionary(
    fc.constantFrom('init', 'failure', 'exit', 'wait', 'name', 'source', 'a'),
    fc.constantFrom('echo', 'A'),
    {
      maxKeys: 3,
    },
  ),
  fc.array(fc.constantFrom('child', 'A', 'root'), { maxLength: 3 }),
);

test('no value of a known field makes the parser throw, in any document', () => {
  const document = fc.record({
    name: fc.constantFrom('root', 'child', 'other', 'valueOf'),
    fields: fc.dictionary(fieldNames, nearValue, { maxKeys: 4 }),
    steps: fc.oneof(anyValue, fc.array(fc.dictionary(stepFieldNames, nearValue, { maxKeys: 5 }), { maxLength: 4 })),
  });
  fc.assert(
    fc.property(fc.array(document, { minLength: 1, maxLength: 4 }), (documents) => {
      const texts = documents.map(({ name, fields, steps }) => stringify({ name, ...fields, steps }));
      const read = parseDag(texts.join('---\n'), 'x.yaml');
      expect(read.ok || read.error.length > 0).toBe(true);
    }),
    { numRuns: propertyRuns(40) },
  );
});

const stepName = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,10}$/).filter(isName);
const safeText = fc.string({ maxLength: 30 }).filter((text) => !text.includes('$') && text.trim() !== '');
const stepBody = fc.record(
  {
    description: safeText,
    timeout_sec: fc.integer({ min: 1, max: 1_000 }),
    repeat_safe: fc.boolean(),
    on_worker_loss: fc.constantFrom('retry', 'fail'),
    output: fc.stringMatching(/^[A-Z][A-Z0-9_]{0,8}$/),
    retry_policy: fc.record({ limit: fc.integer({ min: 0, max: 9 }), interval_sec: fc.integer({ min: 0, max: 60 }) }),
    worker_selector: fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), safeText, { maxKeys: 2 }),
  },
  { requiredKeys: [] },
);

interface GeneratedStep {
  readonly id: string;
  readonly command: string;
  readonly depends: readonly string[];
  readonly [field: string]: unknown;
}

/** Steps that depend only on earlier ones: never a cycle. */
const validSteps: fc.Arbitrary<readonly GeneratedStep[]> = fc
  .uniqueArray(stepName, { minLength: 1, maxLength: 8 })
  .chain((ids) =>
    fc.tuple(
      ...ids.map((id, index) =>
        fc
          .record({ body: stepBody, command: safeText, depends: fc.subarray(ids.slice(0, index)) })
          .map(({ body, command, depends }): GeneratedStep => ({ ...body, id, command, depends })),
      ),
    ),
  );

test('what a valid file says is what the DAG holds', () => {
  fc.assert(
    fc.property(stepName, validSteps, (name, steps) => {
      const read = parseDag(stringify({ name, steps }), 'x.yaml');
      expect(read.ok ? '' : renderProblems(read.error)).toBe('');
      if (!read.ok) return;
      const { dag } = read.value;
      expect(dag.name).toBe(name);
      expect(dag.steps.map(({ id }) => id)).toEqual(steps.map(({ id }) => id));
      dag.steps.forEach((step, index) => {
        const given = steps[index];
        expect(step.depends).toEqual(given?.depends);
        expect(step.action).toEqual({ kind: 'shell', commands: [given?.command] });
        expect(step.timeoutMs).toBe(
          given?.['timeout_sec'] === undefined ? undefined : Number(given['timeout_sec']) * 1000,
        );
        expect(step.repeatSafe).toBe(given?.['repeat_safe'] ?? false);
        expect(step.onWorkerLoss).toBe(given?.['on_worker_loss'] ?? 'retry');
        expect(step.output).toBe(given?.['output']);
        expect(step.workerSelector).toEqual(given?.['worker_selector'] ?? {});
      });
    }),
    { numRuns: propertyRuns(30) },
  );
});

test('a list of steps, a map of steps, flow style and block style mean the same', () => {
  fc.assert(
    fc.property(validSteps, (steps) => {
      const numeric = steps.some(({ id }) => /^\d+$/.test(id));
      fc.pre(!numeric);
      const byId = Object.fromEntries(steps.map(({ id, ...rest }) => [id, rest]));
      const list = parseDag(stringify({ steps }), 'x.yaml');
      const map = parseDag(stringify({ steps: byId }), 'x.yaml');
      const flow = parseDag(JSON.stringify({ steps } as unknown as JsonValue), 'x.yaml');
      const dags = [list, map, flow].map((read) => (read.ok ? read.value.dag : read.error));
      expect(dags[1]).toEqual(dags[0]);
      expect(dags[2]).toEqual(dags[0]);
    }),
    { numRuns: propertyRuns(20) },
  );
});
