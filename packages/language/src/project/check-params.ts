import { checkParam, type Dag, suggest } from '@skein/domain';
import type { CallUse } from '../dag/uses.ts';
import type { Finding, Spot } from '../problem/source-text.ts';

/** What is wrong with the parameters that a call hands to this DAG, as far as it shows without running: names, and values without references. */
export const findParamProblems = (
  { dag: name, params, spot, paramsSpot }: CallUse,
  target: Dag,
): readonly (readonly [Spot, Finding])[] => {
  const problems: (readonly [Spot, Finding])[] = [];
  const declared = new Map(target.params.map((param) => [param.name, param]));
  for (const [param, value] of Object.entries(params)) {
    const definition = declared.get(param);
    if (definition === undefined) {
      const near = suggest(param, declared.keys());
      const expected = declared.size === 0 ? 'no parameters' : `one of ${[...declared.keys()].join(', ')}`;
      const hint = near === undefined ? { expected } : { suggestion: near };
      problems.push([paramsSpot, { message: `DAG ${name} has no parameter ${param}`, ...hint }]);
      continue;
    }
    const checked = JSON.stringify(value).includes('${') ? undefined : checkParam(definition, value);
    if (checked?.ok === false) {
      const { message, expected } = checked.error;
      const hint = expected === undefined ? {} : { expected };
      problems.push([paramsSpot, { message: `in the call of ${name}, ${message}`, ...hint }]);
    }
  }
  for (const { name: param, required, default: fallback } of target.params) {
    if (!required || fallback !== undefined || Object.hasOwn(params, param)) continue;
    problems.push([spot, { message: `DAG ${name} needs the parameter ${param}`, expected: `params: { ${param}: … }` }]);
  }
  return problems;
};
