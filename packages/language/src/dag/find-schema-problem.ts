import type { JsonSchema } from '@skein/domain';
import { Ajv2020 } from 'ajv/dist/2020.js';

const options = { strict: false, validateFormats: false } as const;

/** Judges schemas themselves, for which each validator would compile the schema of schemas anew. It keeps none of them. */
const schemas = new Ajv2020(options);

/** Why a value is not a JSON Schema that can be used to check outputs, or undefined when it is one. */
export const findSchemaProblem = (schema: JsonSchema): string | undefined => {
  if (schema['$async'] !== undefined) return 'schema/$async is not supported';
  try {
    if (schemas.validateSchema(schema) !== true) return schemas.errorsText(schemas.errors, { dataVar: 'schema' });
    const validate = new Ajv2020({ ...options, validateSchema: false }).compile(schema);
    // A schema that only leads back to itself compiles, and never ends on these.
    for (const probe of [{}, [], '', 0]) validate(probe);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof RangeError) return 'schema refers to itself without end, or is nested too deeply';
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
};
