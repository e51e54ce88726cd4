export { createExpressions } from './cel/create-expressions.ts';
export { createCron } from './cron/create-cron.ts';
export { dagJsonSchema } from './dag/dag-json-schema.ts';
export type { ParsedDag } from './dag/parse-dag.ts';
export { parseDag } from './dag/parse-dag.ts';
export { renderProblem, renderProblems, sortProblems } from './problem/render-problems.ts';
export type { LanguageProjectReader } from './project/create-project-reader.ts';
export { createProjectReader } from './project/create-project-reader.ts';
