import { expect, test } from 'vitest';
import { partShapeDefect } from './part-shape.ts';

const toolsWith = (effects: { readonly [tool: string]: { readonly [field: string]: unknown } }) =>
  partShapeDefect('tools', { allow: [], bash: { allow: [], deny: [] }, servers: {}, effects } as never);

test('declared effects of tools travel', () => {
  expect(
    toolsWith({
      bash: { class: 'idempotent' },
      desk__create: { unknown: 'tell', reconcile: { tool: 'desk__find' } },
      desk__send: { reconcile: { command: './sent.sh' } },
    }),
  ).toBeUndefined();
});

test.each([
  [{ class: 'harmless' }, 'class'],
  [{ unknown: 'retry' }, 'unknown'],
  [{ reconcile: {} }, 'reconcile'],
  [{ reconcile: { tool: 'a', command: 'b' } }, 'reconcile'],
  [{ other: 1 }, 'other'],
])('refuses the effects %j', (effects, field) => {
  expect(toolsWith({ bash: effects })).toContain(`.effects .bash .${field}`);
});
