import type {
  AgentContent,
  Dag,
  HandlerName,
  ModelContent,
  Step,
  StepAction,
  TenantId,
  ToolsContent,
  VersionId,
} from '@skein/domain';
import { dagDigest, handlerStepId, versionIdOf } from '@skein/domain';
import type { Hasher, ProjectStore, Publication, Random, StoredDag } from '@skein/ports';
import { encodePart } from '@skein/snapshot';
import { dagOf, stepOf } from '../fixtures/dag-fixtures.ts';

const randomAction = (random: Random, references: readonly string[]): StepAction => {
  if (random.next() < 0.2) {
    return {
      kind: 'agent',
      agent: 'scout',
      prompt: `Look. ${references.join(' ')}`,
      limits: {},
      memory: { read: random.next() < 0.5, propose: false },
    };
  }
  return { kind: 'shell', commands: [`echo ${references.join(' ')}`] };
};

/** What may be called, and how often one of these steps does. */
interface Callable {
  readonly names: readonly string[];
  readonly chance: number;
}

const nobody: Callable = { names: [], chance: 0 };

const randomCall = (random: Random, { names }: Callable, references: readonly string[]): StepAction => {
  const dag = names[random.integer(names.length)] ?? '';
  const params = references.length > 0 && random.next() < 0.7 ? { who: references[0] ?? '' } : {};
  if (random.next() < 0.8) return { kind: 'call', dag, params };
  // Rarely a name that comes from a parameter: what is none of the choices fails the step.
  return { kind: 'call', dag: `\${params.next}`, choices: names, params };
};

/** Steps that the coordinator carries out by itself: a wait for a time or a message, and a person's word. */
const randomWaiting = (random: Random, depends: readonly string[]): StepAction => {
  const draw = random.next();
  if (draw < 0.3) return { kind: 'wait', durationMs: random.integer(4_000) };
  if (draw < 0.5) return { kind: 'wait', message: true };
  const rewind = depends[random.integer(Math.max(1, depends.length))];
  return {
    kind: 'approval',
    prompt: 'Go on with ${params.who}?',
    input: [],
    ...(rewind === undefined ? {} : { rewind }),
  };
};

const randomStep = (
  random: Random,
  id: string,
  earlier: readonly Step[],
  callable: Callable,
  mayWait = false,
): Step => {
  const depends = earlier.filter(() => random.next() < 0.35).map((step) => step.id);
  const references = depends
    .filter((dependency) => {
      const step = earlier.find((candidate) => candidate.id === dependency);
      return step !== undefined && step.foreach === undefined && !step.continueOn.failure && !step.continueOn.skipped;
    })
    .filter(() => random.next() < 0.5)
    .map((dependency) => `\${steps.${dependency}.outputs.value}`);
  const lists = depends.filter((dependency) => {
    const step = earlier.find((candidate) => candidate.id === dependency);
    return step?.foreach === undefined && step?.continueOn.failure === false;
  });
  const fanOut = random.next() < 0.25;
  const list = lists[random.integer(Math.max(1, lists.length))];
  const items =
    list !== undefined && random.next() < 0.5
      ? `\${steps.${list}.outputs.list}`
      : Array.from({ length: random.integer(6) }, (_, index) => `item ${index}`);
  const itemReference = fanOut ? ['${item}'] : [];
  const all = ['${params.who}', ...references, ...itemReference];
  const calls = callable.names.length > 0 && random.next() < callable.chance;
  if (!calls && mayWait && random.next() < 0.12) {
    const action = randomWaiting(random, depends);
    // Nobody may ever write to it.
    const timeoutMs = action.kind === 'wait' && action.message === true ? 3_000 + random.integer(9_000) : undefined;
    const continueOn = { failure: true, skipped: true, exitCodes: [], output: [], markSuccess: false };
    return stepOf(id, { depends, action, continueOn, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  }
  return stepOf(id, {
    depends,
    action: calls ? randomCall(random, callable, [...itemReference, ...references]) : randomAction(random, all),
    outputs: [
      { name: 'value', type: 'string' },
      { name: 'list', type: 'array' },
    ],
    ...(calls && random.next() < 0.1
      ? { preconditions: [{ condition: '${params.who}', expected: 'world', negate: random.next() < 0.5 }] }
      : {}),
    ...(calls && random.next() < 0.1 ? { timeoutMs: 1_000 + random.integer(10_000) } : {}),
    continueOn: {
      failure: random.next() < 0.2,
      skipped: random.next() < 0.2,
      exitCodes: [],
      output: [],
      markSuccess: false,
    },
    ...(random.next() < 0.5
      ? { retryPolicy: { limit: 1 + random.integer(3), intervalMs: random.integer(1_500), backoff: 2, exitCodes: [] } }
      : {}),
    ...(!calls && random.next() < 0.3 ? { output: `OUT_${id.toUpperCase()}` } : {}),
    ...(fanOut ? { foreach: { items, maxConcurrent: 1 + random.integer(4) } } : {}),
    onWorkerLoss: random.next() < 0.1 ? 'fail' : 'retry',
    repeatSafe: random.next() < 0.2,
    workerSelector: random.next() < 0.15 ? { zone: 'a' } : {},
  });
};

const randomHandlers = (random: Random, callable: Callable): Dag['handlers'] => {
  if (random.next() < 0.7) return undefined;
  const handlers: { -readonly [name in HandlerName]?: Step } = {};
  for (const name of ['init', 'success', 'failure', 'abort', 'exit'] as const) {
    if (random.next() < (name === 'init' ? 0.7 : 0.5)) continue;
    const { foreach: _foreach, output: _output, ...step } = randomStep(random, handlerStepId(name), [], callable);
    const text = name === 'init' ? '${params.who}' : '${run.status} ${run.error} ${steps.s0.outputs.value}';
    const action: StepAction =
      step.action.kind === 'call' ? step.action : { kind: 'shell', commands: [`echo ${text}`] };
    handlers[name] = { ...step, depends: [], action, outputs: [] };
  }
  return Object.keys(handlers).length === 0 ? undefined : handlers;
};

/** A valid random DAG of 1 to 7 steps, of which some call what is callable; what it gives a caller always exists. */
export const randomDag = (random: Random, name: string, callable: readonly string[] = []): Dag => {
  const steps: Step[] = [];
  const calling: Callable = callable.length === 0 ? nobody : { names: callable, chance: 0.4 };
  const count = 1 + random.integer(callable.length === 0 ? 7 : 4);
  for (let index = 0; index < count; index += 1) steps.push(randomStep(random, `s${index}`, steps, calling, true));
  const handlers = randomHandlers(random.fork('handlers'), calling);
  return dagOf(steps, {
    name,
    params: [
      { name: 'who', type: 'string', required: false, default: 'world' },
      { name: 'next', type: 'string', required: false, default: callable[0] ?? 'nothing' },
    ],
    outputs: { value: '${params.who} of ${run.id}', list: '["a","b"]' },
    ...(handlers === undefined ? {} : { handlers }),
    ...(random.next() < 0.1 ? { timeoutMs: 2_000 + random.integer(20_000) } : {}),
  });
};

/** DAGs of which the first call the later ones, three deep at most; the last call nobody. One may be a document of another's file. */
export const randomProject = (random: Random, count: number): readonly Dag[] => {
  const dags: Dag[] = [];
  for (let index = count - 1; index >= 0; index -= 1) {
    const callable = dags.map(({ name }) => name);
    dags.unshift(randomDag(random.fork(`dag ${index}`), `dag-${index}`, callable));
  }
  const [root] = dags;
  if (root === undefined || random.next() < 0.5) return dags;
  const inline = randomDag(random.fork('inline'), 'inline');
  const call = stepOf('inner', { action: { kind: 'call', dag: 'inline' } });
  return [{ ...root, steps: [...root.steps, call], subDags: { inline } }, ...dags.slice(1)];
};

const model: ModelContent = { id: 'plain', provider: 'offline', model: 'rules', parameters: {} };

/** DAGs as a publication holds them, with the inline ones that they bring. */
export const storedDags = (dags: readonly Dag[], hasher: Hasher): Pick<Publication, 'dags' | 'subDags'> => {
  const stored = (dag: Dag): StoredDag => ({ name: dag.name, digest: dagDigest(dag, hasher), dag });
  return { dags: dags.map(stored), subDags: dags.flatMap(({ subDags = {} }) => Object.values(subDags).map(stored)) };
};

const tools: ToolsContent = {
  allow: ['read', 'write', 'bash', 'think'],
  bash: { allow: ['.*'], deny: [] },
  servers: {},
};

/** Publishes these DAGs and the one agent, `scout`, that their agent steps run. */
export const publishProject = async (
  projects: ProjectStore,
  hasher: Hasher,
  tenant: TenantId,
  dags: readonly Dag[],
  at: number,
  effects?: ToolsContent['effects'],
): Promise<void> => {
  await publishVersions(projects, hasher, tenant, dags, at, {
    agents: ['scout'],
    count: 1,
    ...(effects === undefined ? {} : { effects }),
  });
};

/** Agents, how many versions of each there are, and what they declare of their tools. */
export interface VersionsToPublish {
  readonly agents: readonly string[];
  readonly count: number;
  readonly effects?: ToolsContent['effects'];
}

/** Publishes these DAGs and agents, `v1` of each active. Answers the versions of each agent, oldest first. */
export const publishVersions = async (
  projects: ProjectStore,
  hasher: Hasher,
  tenant: TenantId,
  dags: readonly Dag[],
  at: number,
  { agents, count, effects }: VersionsToPublish,
): Promise<{ readonly [agentId: string]: readonly VersionId[] }> => {
  const bytes = encodePart('model', model);
  const modelDigest = hasher.digest(bytes);
  const toolsBytes = encodePart('tools', effects === undefined ? tools : { ...tools, effects });
  const toolsDigest = hasher.digest(toolsBytes);
  const versions: { [agentId: string]: VersionId[] } = {};
  for (let number = 1; number <= count; number += 1) {
    const contents = agents.map(
      (agentId): AgentContent => ({
        agentId,
        description: 'Looks around.',
        instructions: `Look around and say what you see${number === 1 ? '' : `, ${number} times`}.`,
        model: modelDigest,
        skills: {},
        tools: toolsDigest,
        limits: {},
        subAgents: {},
      }),
    );
    const published = contents.map((content) => ({ versionId: versionIdOf(content, hasher), content }));
    await projects.publish({
      tenant,
      ...storedDags(dags, hasher),
      parts: [
        { kind: 'model', name: model.id, digest: modelDigest, bytes },
        { kind: 'tools', name: 'tools', digest: toolsDigest, bytes: toolsBytes },
      ],
      agents: published,
      activate: number === 1 ? agents : [],
      candidates: [],
      memory: [{ scope: 'global', text: 'The sky is blue.' }],
      at,
    });
    for (const { versionId, content } of published) (versions[content.agentId] ??= []).push(versionId);
  }
  return versions;
};
