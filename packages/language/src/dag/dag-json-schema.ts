import type { JsonSchema } from '@skein/domain';
import { dagRecord } from './dag-fields.ts';
import { stepRecord } from './step-fields.ts';

/** The JSON Schema of a DAG file for editors; made from the same tables that `parseDag` checks with. */
export const dagJsonSchema = (): JsonSchema => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Skein DAG',
  description: 'A DAG of Skein, see docs/dags.md.',
  ...dagRecord.schema,
  $defs: { step: stepRecord.schema },
});
