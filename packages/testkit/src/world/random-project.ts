import type { AgentContent, Dag, ModelContent, Step, StepAction, TenantId, ToolsContent } from '@skein/domain';
import { dagDigest, versionIdOf } from '@skein/domain';
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

const randomStep = (random: Random, id: string, earlier: readonly Step[]): Step => {
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
  return stepOf(id, {
    depends,
    action: randomAction(random, ['${params.who}', ...references, ...itemReference]),
    outputs: [
      { name: 'value', type: 'string' },
      { name: 'list', type: 'array' },
    ],
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
    ...(random.next() < 0.3 ? { output: `OUT_${id.toUpperCase()}` } : {}),
    ...(fanOut ? { foreach: { items, maxConcurrent: 1 + random.integer(4) } } : {}),
    onWorkerLoss: random.next() < 0.1 ? 'fail' : 'retry',
    repeatSafe: random.next() < 0.2,
    workerSelector: random.next() < 0.15 ? { zone: 'a' } : {},
  });
};

/** A valid random DAG of 1 to 7 steps. */
export const randomDag = (random: Random, name: string): Dag => {
  const steps: Step[] = [];
  const count = 1 + random.integer(7);
  for (let index = 0; index < count; index += 1) steps.push(randomStep(random, `s${index}`, steps));
  return dagOf(steps, {
    name,
    params: [{ name: 'who', type: 'string', required: false, default: 'world' }],
    ...(random.next() < 0.1 ? { timeoutMs: 2_000 + random.integer(20_000) } : {}),
  });
};

const model: ModelContent = { id: 'plain', provider: 'offline', model: 'rules', parameters: {} };

/** DAGs as a publication holds them, with the inline ones that they bring. */
export const storedDags = (dags: readonly Dag[], hasher: Hasher): Pick<Publication, 'dags' | 'subDags'> => {
  const stored = (dag: Dag): StoredDag => ({ name: dag.name, digest: dagDigest(dag, hasher), dag });
  return { dags: dags.map(stored), subDags: dags.flatMap(({ subDags = {} }) => Object.values(subDags).map(stored)) };
};

const tools: ToolsContent = { allow: [], bash: { allow: [], deny: [] }, servers: {} };

/** Publishes these DAGs and the one agent, `scout`, that their agent steps run. */
export const publishProject = async (
  projects: ProjectStore,
  hasher: Hasher,
  tenant: TenantId,
  dags: readonly Dag[],
  at: number,
): Promise<void> => {
  const bytes = encodePart('model', model);
  const modelDigest = hasher.digest(bytes);
  const toolsBytes = encodePart('tools', tools);
  const toolsDigest = hasher.digest(toolsBytes);
  const content: AgentContent = {
    agentId: 'scout',
    description: 'Looks around.',
    instructions: 'Look around and say what you see.',
    model: modelDigest,
    skills: {},
    tools: toolsDigest,
    limits: {},
    subAgents: {},
  };
  await projects.publish({
    tenant,
    ...storedDags(dags, hasher),
    parts: [
      { kind: 'model', name: model.id, digest: modelDigest, bytes },
      { kind: 'tools', name: 'tools', digest: toolsDigest, bytes: toolsBytes },
    ],
    agents: [{ versionId: versionIdOf(content, hasher), content }],
    activate: ['scout'],
    candidates: [],
    memory: [{ scope: 'global', text: 'The sky is blue.' }],
    at,
  });
};
