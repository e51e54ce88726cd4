import { z } from '@hono/zod-openapi';
import { errorCodes } from '@skein/domain';

const fieldProblem = z.object({
  message: z.string(),
  file: z.string().optional(),
  line: z.number().int().optional(),
  column: z.number().int().optional(),
  field: z.string().optional(),
  expected: z.string().optional(),
  suggestion: z.string().optional(),
});

/** Problem details, as documented. */
export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    code: z.enum(errorCodes as [string, ...string[]]),
    problems: z.array(fieldProblem).optional(),
    details: z.record(z.string(), z.unknown()).optional(),
  })
  .openapi('Problem');
