import type { JsonSchema } from '@skein/domain';
import { Ajv2020 } from 'ajv/dist/2020.js';

/** Why a value is not a JSON Schema that can be used to check outputs, or undefined when it is one. */
export const findSchemaProblem = (schema: JsonSchema): string | undefined => {
  if (schema['$async'] !== undefined) return 'schema/$async is not supported';
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  try {
    if (ajv.validateSchema(schema) !== true) return ajv.errorsText(ajv.errors, { dataVar: 'schema' });
    const validate = ajv.compile(schema);
    // A schema that only leads back to itself compiles, and never ends on these.
    for (const probe of [{}, [], '', 0]) validate(probe);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof RangeError) return 'schema refers to itself without end, or is nested too deeply';
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
};
