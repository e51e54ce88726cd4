import type { StepSecret } from '@skein/domain';
import type { SourceText } from '../problem/source-text.ts';
import { list } from '../shape/collections.ts';
import { record } from '../shape/record.ts';
import { word } from '../shape/scalars.ts';
import { byKind, mapped, type Shape } from '../shape/shape.ts';
import type { YamlNode } from '../yaml/yaml-node.ts';
import { isEnvName } from './env-fields.ts';

/** A secret as a file declares it. Without `source` a step may mean the DAG's secret of that name. */
export interface LocatedSecret {
  readonly env: string;
  readonly source?: string;
  readonly node: YamlNode;
}

const expected = 'the name of a secret, or a map with name and source';
const namePattern = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,126}[A-Za-z0-9_-])?$/;

/** True if the text may name a secret: at most 128 of `A-Z a-z 0-9 _ . -`. */
export const isSecretName = (name: string): boolean => namePattern.test(name) && !name.includes('..');

/** How credentials of well-known services begin, and runs of characters that nobody would type as a name. */
const valueLike = [
  /^(?:gh[pousr]_|github_pat_|glpat-|sk[-_]|xox[a-z]-|AKIA|ASIA|AIza|ya29|npm_|pypi-|hf_|eyJ)/,
  /(?=[A-Za-z0-9]*\d)(?=[A-Za-z0-9]*[a-z])[A-Za-z0-9]{24}/,
];

/** True for what is more likely a secret than the name of one. */
const looksLikeValue = (text: string): boolean => valueLike.some((pattern) => pattern.test(text));

/** A name; what is none may be the secret itself, so it is never repeated (S3). */
const nameShape = (what: string, isValid: (value: string) => boolean, pattern: string): Shape<string> => ({
  expected: what,
  schema: { type: 'string', pattern },
  read: (node, source) => {
    const given = node.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
    if (given !== undefined && isValid(given) && !looksLikeValue(given)) return given;
    const message =
      given !== undefined && isValid(given) ? 'this looks like a secret, not like its name' : 'this is not a name';
    source.report(node, { message, expected: what });
    return undefined;
  },
});

const envName = nameShape(
  'an environment variable name: a letter or _, then letters, digits or _',
  (value) => isEnvName(value) && value.length <= 128,
  '^[A-Za-z_][A-Za-z0-9_]{0,127}$',
);

/** The name under which a secret is kept. */
const secretName: Shape<string> = nameShape(
  'the name of a secret: letters, digits, _, . or -, at most 128',
  isSecretName,
  namePattern.source,
);

const named = record({
  noun: 'a secret',
  fields: {
    name: { shape: envName, about: 'Environment variable that gets the value.', required: true },
    source: { shape: secretName, about: 'Name of the secret; the same when absent.', aliases: ['key'] },
    provider: {
      shape: word(['env'], ['file', 'vault', 'aws', 'gcp', 'azure', 'kubernetes', 'k8s', 'doppler', '1password']),
      about: 'Kept for DAGs of Dagu; secrets are resolved by whoever holds them.',
    },
  },
  later: ['options', 'ref', 'required', 'mask'],
});

const oneSecret: Shape<LocatedSecret> = byKind<LocatedSecret>(expected, {
  scalar: mapped(envName, (env, node) => ({ env, node })),
  map: mapped(named, ({ values, node }) => {
    if (values.name === undefined) return undefined;
    return { env: values.name, ...(values.source === undefined ? {} : { source: values.source }), node };
  }),
});

const expectedList = `a list of secrets: ${expected}`;
const secretList = list(oneSecret, expectedList);

const reportTwins = (secrets: readonly LocatedSecret[], source: SourceText): void => {
  const seen = new Set<string>();
  for (const { env, node } of secrets) {
    if (seen.has(env)) source.report(node, { message: `there are two secrets ${env}`, expected: 'each name once' });
    seen.add(env);
  }
};

/** Secrets: a list of `NAME` or `{ name, source }`. */
export const secretsShape: Shape<readonly LocatedSecret[]> = {
  expected: expectedList,
  schema: secretList.schema,
  read: (node, source) => {
    if (node.kind !== 'list') {
      source.report(node, { message: 'secrets is not a list', expected: expectedList });
      return undefined;
    }
    const secrets = secretList.read(node, source) ?? [];
    reportTwins(secrets, source);
    return secrets;
  },
};

/** The secrets of a step: its own list, in which a plain name may be one of the DAG's; without a list, the DAG's. Sorted by variable. */
export const mergeSecrets = (
  own: readonly LocatedSecret[] | undefined,
  shared: readonly LocatedSecret[],
): readonly StepSecret[] => {
  const sources = new Map(shared.map(({ env, source }) => [env, source ?? env] as const));
  return (own ?? shared)
    .map(({ env, source }): StepSecret => ({ env, secret: source ?? sources.get(env) ?? env }))
    .toSorted((a, b) => (a.env < b.env ? -1 : 1));
};
