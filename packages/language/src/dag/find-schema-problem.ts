import type { JsonSchema } from '@skein/domain';
import { Ajv2020 } from 'ajv/dist/2020.js';

/** Why a value is not a JSON Schema that can be used to check outputs, or undefined when it is one. */
export const findSchemaProblem = (schema: JsonSchema): string | undefined => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, addUsedSchema: false });
  try {
    if (ajv.validateSchema(schema) !== true) return ajv.errorsText(ajv.errors, { dataVar: 'schema' });
    ajv.compile(schema);
    return undefined;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
};
