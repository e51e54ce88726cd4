import { isName, type Step, type StepAction, type StepId, textsOfStep } from '@skein/domain';
import type { SourceText } from '../problem/source-text.ts';
import type { YamlNode } from '../yaml/yaml-node.ts';
import { buildAction } from './build-action.ts';
import { checkCallPolicies } from './build-call.ts';
import { environmentOf } from './build-environment.ts';
import type { DagFields } from './dag-fields.ts';
import type { LocatedEnv } from './env-fields.ts';
import { type Places, spotOfWord, type ValuePath } from './places.ts';
import { defaultContinueOn } from './policy-fields.ts';
import { mergeSecrets } from './secret-fields.ts';
import type { DefaultFields } from './step-fields.ts';
import type { RawStep } from './steps-shape.ts';

/** A step's id and name, before the rest of it is built. */
export interface StepName {
  readonly id: StepId;
  readonly name?: string;
}

/** What the steps of one DAG share while they are built. */
export interface StepContext {
  readonly dag: DagFields;
  readonly defaults: DefaultFields | undefined;
  readonly names: readonly StepName[];
  /** What `depends` may say, ids and names, with the id that it means. */
  readonly idByWord: ReadonlyMap<string, StepId>;
  /** True when each step follows the one before it. */
  readonly chain: boolean;
  readonly places: Places;
  readonly source: SourceText;
}

/** The id: its own, else its key, else made from its name, else `step_` and its position from 1. */
export const nameStep = (raw: RawStep, index: number): StepName => {
  const label = raw.values.name ?? raw.key;
  const id = raw.values.id ?? (label === undefined ? `step_${index + 1}` : toId(label, index));
  return label === undefined || label === id ? { id } : { id, name: label };
};

const toId = (label: string, index: number): string => {
  if (isName(label)) return label;
  const words = label
    .trim()
    .slice(0, 64)
    .replace(/[^A-Za-z0-9_.-]+/g, '_');
  const id = words.replace(/^[^A-Za-z0-9]+/, '').replace(/_+$/, '');
  return isName(id) ? id : `step_${index + 1}`;
};

/** Where a step stands in its DAG, and what follows from that. */
export interface StepPosition {
  readonly path: ValuePath;
  readonly named: StepName;
  readonly depends: readonly StepId[];
}

/** One step of the graph with every default filled in. Remembers where its parts came from. */
export const buildStep = (raw: RawStep, index: number, context: StepContext): Step =>
  buildStepAt(
    raw,
    {
      path: ['steps', index],
      named: context.names[index] ?? { id: `step_${index + 1}` },
      depends: dependsOf(raw, index, context),
    },
    context,
  );

/** A step of the graph, or a handler. */
export const buildStepAt = (raw: RawStep, position: StepPosition, context: StepContext): Step => {
  const { defaults, dag, source } = context;
  const own = raw.values;
  const shared = defaults?.values;
  const built = buildAction(raw, defaults, source);
  const { shell: interpreter } = built;
  const action = rewound(built.action, context);
  const waits = action.kind === 'wait' || action.kind === 'approval';
  // Carried out by the coordinator: nothing of it is for a worker.
  const isCall = action.kind === 'call' || waits;
  const shell = interpreter ?? own.shell ?? shared?.shell ?? dag.values.shell;
  const workingDir = own.working_dir ?? shared?.working_dir ?? dag.values.working_dir;
  const retryPolicy = waits ? undefined : (own.retry_policy ?? shared?.retry_policy);
  const continueOn = own.continue_on ?? shared?.continue_on ?? defaultContinueOn;
  const timeoutMs = own.timeout_sec ?? shared?.timeout_sec ?? 0;
  const preconditions = own.preconditions ?? shared?.preconditions ?? [];
  const policies = { preconditions, continueOn, retryPolicy };
  if (isCall) checkCallPolicies(raw, defaults, policies, source, whatOf[action.kind as keyof typeof whatOf]);
  const takesSecrets = isShellKind(action) || action.kind === 'http';
  const secrets = takesSecrets ? mergeSecrets(own.secrets, dag.values.secrets ?? []) : [];
  const runsPrograms = isShellKind(action) || preconditions.length > 0;
  const env = isCall ? [] : environmentOf(raw, runsPrograms, secrets, context);
  putPlaces(raw, position.path, env, context);
  context.places.put([...position.path, 'action'], built.node);
  const noProgressMs = isCall ? undefined : own.no_progress_timeout_sec;
  const step: Step = {
    ...position.named,
    ...(own.description === undefined ? {} : { description: own.description }),
    depends: position.depends,
    action,
    ...(shell === undefined || isCall ? {} : { shell }),
    ...(workingDir === undefined || isCall ? {} : { workingDir }),
    env: env.map(({ entry }) => entry),
    ...(own.output === undefined ? {} : { output: own.output }),
    outputs: own.outputs ?? [],
    preconditions,
    continueOn,
    ...(retryPolicy === undefined ? {} : { retryPolicy }),
    ...(timeoutMs === 0 ? {} : { timeoutMs }),
    workerSelector: isCall ? {} : (own.worker_selector ?? shared?.worker_selector ?? dag.values.worker_selector ?? {}),
    onWorkerLoss: isCall ? 'retry' : (own.on_worker_loss ?? shared?.on_worker_loss ?? 'retry'),
    repeatSafe: isCall ? false : (own.repeat_safe ?? shared?.repeat_safe ?? false),
    ...(noProgressMs === undefined ? {} : { noProgressTimeoutMs: noProgressMs }),
    ...(own.foreach === undefined ? {} : { foreach: own.foreach }),
    ...(secrets.length === 0 ? {} : { secrets }),
  };
  refuseSecretReferences(step, position.path, context);
  return step;
};

const whatOf = { call: 'a call', wait: 'a wait', approval: 'an approval' } as const;

/** `rewind` may say a name, like `depends`. */
const rewound = (action: StepAction, { idByWord }: StepContext): StepAction =>
  action.kind === 'approval' && action.rewind !== undefined
    ? { ...action, rewind: idByWord.get(action.rewind) ?? action.rewind }
    : action;

/** The shell would find no such reference either. A script may be in a language in which this means something else. */
const refuseSecretReferences = (step: Step, at: ValuePath, { places, source }: StepContext): void => {
  for (const { path, text } of textsOfStep(step)) {
    const [, name] = /(?<!\$)\$\{secrets\.([\w.-]*)/.exec(text) ?? [];
    const node = places.find([...at, ...path]);
    if (name === undefined || node === undefined || (step.action.kind === 'script' && path[0] === 'action')) continue;
    const expected =
      isShellKind(step.action) || step.action.kind === 'http'
        ? `${name} under secrets, and $${name}`
        : 'a step that runs a program';
    source.report(spotOfWord(node, `\${secrets.${name}}`, source.text), {
      message: 'a secret is a variable, not a reference',
      expected,
    });
  }
};

const isShellKind = ({ kind }: StepAction): boolean => kind === 'shell' || kind === 'script' || kind === 'exec';

const dependsOf = (raw: RawStep, index: number, context: StepContext): readonly StepId[] => {
  const { names, idByWord, chain, source } = context;
  const given = raw.values.depends;
  if (chain && given !== undefined && given.length > 0) {
    const spot = raw.keys.depends ?? raw.node;
    source.report(spot, { message: 'depends is not for a DAG of type chain', expected: 'type: graph' });
  }
  if (given === undefined && raw.nodes.depends === undefined && chain) {
    const before = names[index - 1];
    return before === undefined ? [] : [before.id];
  }
  const resolved = (given ?? []).map((word) => idByWord.get(word) ?? word);
  return [...new Set(resolved)];
};

/** Ids win over names, the first of equal names over the others; a word that is neither stays, to be reported. */
export const idsByWord = (names: readonly StepName[]): ReadonlyMap<string, StepId> => {
  const labels = names.flatMap(({ id, name }) => (name === undefined ? [] : [[name, id] as const])).toReversed();
  return new Map([...labels, ...names.map(({ id }) => [id, id] as const)]);
};

const putPlaces = (raw: RawStep, at: ValuePath, env: readonly LocatedEnv[], context: StepContext): void => {
  const { places, defaults, dag } = context;
  const { nodes } = raw;
  const put = (path: ValuePath, node: YamlNode | undefined): void => places.put([...at, ...path], node);
  put([], raw.node);
  put(['id'], nodes.id ?? nodes.name);
  put(['depends'], nodes.depends);
  put(['action', 'commands'], nodes.command);
  put(['action', 'script'], nodes.script);
  put(['action', 'argv'], nodes.exec);
  put(['action', 'prompt'], nodes.prompt);
  put(['action', 'agent'], nodes.agent ?? defaults?.nodes.agent);
  put(['action', 'memory'], nodes.memory ?? defaults?.nodes.memory);
  put(['action', 'dag'], nodes.call);
  put(['action', 'choices'], nodes.choices);
  put(['action', 'params'], nodes.params);
  put(['secrets'], nodes.secrets ?? dag.nodes.secrets);
  put(['shell'], nodes.shell ?? defaults?.nodes.shell ?? dag.nodes.shell);
  put(['workingDir'], nodes.working_dir ?? defaults?.nodes.working_dir ?? dag.nodes.working_dir);
  put(['preconditions'], nodes.preconditions ?? defaults?.nodes.preconditions);
  put(['output'], nodes.output);
  put(['outputs'], nodes.outputs);
  put(['foreach'], nodes.foreach);
  put(['continueOn'], nodes.continue_on ?? defaults?.nodes.continue_on);
  put(['retryPolicy'], nodes.retry_policy ?? defaults?.nodes.retry_policy);
  put(['workerSelector'], nodes.worker_selector ?? defaults?.nodes.worker_selector ?? dag.nodes.worker_selector);
  env.forEach((variable, position) => put(['env', position], variable.node));
};
