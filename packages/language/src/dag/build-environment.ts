import type { EnvEntry, StepSecret } from '@skein/domain';
import type { SourceText } from '../problem/source-text.ts';
import type { DagFields } from './dag-fields.ts';
import { isEnvName, type LocatedEnv } from './env-fields.ts';
import type { LocatedParam } from './param-fields.ts';
import type { DefaultFields } from './step-fields.ts';
import type { RawStep } from './steps-shape.ts';

/** Where the variables of a step come from. */
export interface EnvironmentContext {
  readonly dag: DagFields;
  readonly defaults: DefaultFields | undefined;
  readonly source: SourceText;
}

/**
 * Parameters first, then the DAG's variables, then the step's own: later ones win and may use earlier ones. A secret is the only
 * variable of its name.
 */
export const environmentOf = (
  raw: RawStep,
  runsPrograms: boolean,
  secrets: readonly StepSecret[],
  { dag, defaults, source }: EnvironmentContext,
): readonly LocatedEnv[] => {
  const hidden = new Set(secrets.map(({ env }) => env));
  const params = runsPrograms ? (dag.values.params ?? []).flatMap(asVariable) : [];
  const written = [...(dag.values.env ?? []), ...(raw.values.env ?? defaults?.values.env ?? [])];
  for (const { entry, node } of written) {
    if (!hidden.has(entry.name)) continue;
    source.report(node, { message: `${entry.name} is a variable and a secret of one step`, expected: 'one of them' });
  }
  return [...params.filter(({ entry }) => !hidden.has(entry.name)), ...written];
};

/** Variables that decide which program runs or what it loads; whoever submits a run may not set them by a parameter. */
const steersPrograms =
  /^(?:PATH|IFS|PS4|CDPATH|BASH_ENV|BASHOPTS|SHELLOPTS|NODE_OPTIONS|NODE_PATH|JAVA_TOOL_OPTIONS|PERL5(?:LIB|OPT)|RUBY(?:LIB|OPT)|(?:LD|DYLD|SKEIN|GIT)_.*|PYTHON(?:PATH|HOME|STARTUP))$/;

/** A parameter is also a variable of its name, as in Dagu; one that may be absent is not. */
const asVariable = ({ param, node }: LocatedParam): readonly LocatedEnv[] => {
  if (!isEnvName(param.name) || steersPrograms.test(param.name)) return [];
  if (!param.required && param.default === undefined) return [];
  const entry: EnvEntry = { name: param.name, value: `\${params.${param.name}}` };
  return [{ entry, node }];
};
