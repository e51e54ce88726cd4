import type { AgentLimits, JsonSchema, MemoryAccess } from '@skein/domain';
import { record } from '../shape/record.ts';
import { flag, integer, jsonMap, seconds } from '../shape/scalars.ts';
import { byKind, mapped, type Shape } from '../shape/shape.ts';
import { findSchemaProblem } from './find-schema-problem.ts';

/** Limits of an agent; the step's win over the agent's, and both over the defaults. */
export const limitsShape: Shape<Partial<AgentLimits>> = mapped(
  record({
    noun: 'limits',
    fields: {
      max_turns: { shape: integer({ min: 1, max: 10_000 }), about: 'Turns of the model.' },
      max_tokens: { shape: integer({ min: 1 }), about: 'Tokens in and out, over all turns.' },
      max_tool_calls: { shape: integer({ min: 0 }), about: 'Tool calls over all turns.' },
      max_output_bytes: { shape: integer({ min: 1 }), about: 'Size of the final output.' },
      timeout_sec: { shape: seconds({ above: 0 }), about: 'Wall time.' },
    },
    later: ['max_cost_usd'],
  }),
  ({ values }) => ({
    ...(values.max_turns === undefined ? {} : { maxTurns: values.max_turns }),
    ...(values.max_tokens === undefined ? {} : { maxTokens: values.max_tokens }),
    ...(values.max_tool_calls === undefined ? {} : { maxToolCalls: values.max_tool_calls }),
    ...(values.max_output_bytes === undefined ? {} : { maxOutputBytes: values.max_output_bytes }),
    ...(values.timeout_sec === undefined ? {} : { timeoutMs: values.timeout_sec }),
  }),
);

const memoryMap: Shape<MemoryAccess> = mapped(
  record({
    noun: 'memory',
    fields: {
      read: { shape: flag, about: 'See the notes of the project, of this DAG and of the agent.' },
      propose: { shape: flag, about: 'Propose notes in the result.' },
    },
  }),
  ({ values }) => ({ read: values.read ?? false, propose: values.propose ?? false }),
);

/** Memory that an agent step may see; nothing unless it says so. `true` is short for reading it. */
export const memoryShape: Shape<MemoryAccess> = byKind<MemoryAccess>('true, false, or a map with read and propose', {
  scalar: mapped(flag, (read) => ({ read, propose: false })),
  map: memoryMap,
});

/** A JSON Schema, checked to be one. */
export const outputSchemaShape: Shape<JsonSchema> = mapped(jsonMap, (schema, node, source) => {
  const problem = findSchemaProblem(schema);
  if (problem === undefined) return schema;
  source.report(node, {
    message: `output_schema is not a JSON Schema: ${problem}`,
    expected: 'JSON Schema, draft 2020-12',
  });
  return undefined;
});
