import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAgentExecutor } from '@skein/agent';
import {
  type AgentContent,
  type Dag,
  type JsonObject,
  type JsonValue,
  referencesOfStep,
  type Step,
  type TaskOffer,
} from '@skein/domain';
import { createNodeToolHost, createShellExecutor } from '@skein/executors';
import { createProjectReader } from '@skein/language';
import { createModelRouter } from '@skein/models';
import type { AgentStores, ExecutionContext, ExecutionResult, ReadProject } from '@skein/ports';
import { createSystemClock } from '@skein/telemetry';
import { agentStoresOf, createMemoryLog, createNodeHasher } from '@skein/testkit';

// Runs an example's steps one after the other on the real executors: what the example means, without coordinator and workers.

const root = new URL('../../examples/', import.meta.url).pathname;

/** The project of an example, as `apply` would read it without any API key. */
export const readExample = (name: string): ReadProject => {
  const folder = join(root, name);
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
    statSync(join(folder, path)).isFile(),
  );
  const files = paths.map((path) => ({ path, mode: 0o644, bytes: readFileSync(join(folder, path)) }));
  const read = createProjectReader({ hasher: createNodeHasher() }).read(files, {
    provider: 'offline',
    model: 'rules-1',
  });
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  if (read.value.warnings.length > 0) throw new Error(JSON.stringify(read.value.warnings));
  return read.value;
};

/** One step that ran, with what it logged. */
export interface StepRun extends ExecutionResult {
  readonly log: string;
}

/** Outputs by step, as they are given or as they came. */
export type Outputs = { [stepId: string]: JsonObject };

/** Runs one step; a fan-out runs item by item and gives `results`. */
export const runStep = async (
  project: ReadProject,
  stepId: string,
  params: JsonObject,
  outputs: Outputs,
): Promise<StepRun> => {
  const dag = project.dags[0]?.dag as Dag;
  const step = dag.steps.find((each) => each.id === stepId) as Step;
  const defaults = Object.fromEntries(dag.params.map((param) => [param.name, param.default ?? null]));
  const lookup = (expression: string): JsonValue => {
    const [head = '', ...path] = expression.split('.');
    const from: JsonValue = head === 'params' ? { ...defaults, ...params } : (outputs as JsonObject);
    const keys = head === 'steps' ? path.filter((key, index) => !(index === 1 && key === 'outputs')) : path;
    return keys.reduce<JsonValue>((value, key) => (value as JsonObject)[key] as JsonValue, from);
  };
  if (step.foreach === undefined) return await runTask(project, dag, step, lookup);
  const items = lookup((step.foreach.items as string).slice(2, -1)) as JsonValue[];
  const runs: StepRun[] = [];
  for (const item of items) {
    runs.push(await runTask(project, dag, step, (expression) => (expression === 'item' ? item : lookup(expression))));
  }
  const failed = runs.find((run) => run.outcome.status !== 'succeeded');
  const results = runs.map((run, index) => ({
    item: items[index] ?? null,
    status: run.outcome.status,
    outputs: run.outputs,
  }));
  return {
    ...(failed ?? { outcome: { status: 'succeeded' } }),
    outputs: { results },
    log: runs.map((run) => run.log).join(''),
  };
};

const runTask = async (
  project: ReadProject,
  dag: Dag,
  step: Step,
  lookup: (expression: string) => JsonValue,
): Promise<StepRun> => {
  const workDir = mkdtempSync(join(tmpdir(), 'skein-example-'));
  let log = '';
  const refs = Object.fromEntries(referencesOfStep(step).map(({ expression }) => [expression, lookup(expression)]));
  const context: ExecutionContext = {
    offer: offerOf(project, dag, step),
    inputs: { refs, upstreamEnv: {} },
    workDir,
    readSecret: (name) => Promise.reject(new Error(`no secret ${name}`)),
    redact: (value) => value,
    ...(step.action.kind === 'agent' ? { stores: storesOf(project) } : {}),
    sink: { started: () => {}, log: (bytes) => (log += new TextDecoder().decode(bytes)) },
  };
  const path = process.env['PATH'] ?? '';
  const executor =
    step.action.kind === 'agent'
      ? createAgentExecutor({
          model: createModelRouter({ clock: createSystemClock() }),
          toolHost: createNodeToolHost({ path }),
          clock: createSystemClock(),
          log: createMemoryLog(),
          meter: { count: () => {}, gauge: () => {}, observe: () => {} },
        })
      : createShellExecutor({ baseEnv: { PATH: path } });
  try {
    const result = await executor.execute(context, new AbortController().signal);
    return { ...result, log };
  } finally {
    rmSync(workDir, { recursive: true, force: true });
  }
};

const offerOf = (project: ReadProject, dag: Dag, step: Step): TaskOffer => ({
  tenant: 'default',
  runId: 'run_1',
  step: step.id,
  stepId: step.id,
  attempt: 1,
  token: 1,
  dagName: dag.name,
  definition: step,
  refs: {},
  upstreamEnv: {},
  agents: Object.fromEntries(project.agents.map(({ versionId, content }) => [content.agentId, versionId])),
  leaseMs: 6_000,
  run: { id: 'run_1', createdAt: '2026-01-01T00:00:00.000Z', params: {} },
});

const storesOf = (project: ReadProject): AgentStores => {
  const part = <T>(digest: string): T => {
    const found = project.parts.find((each) => each.digest === digest);
    if (found === undefined) throw new Error(`no part ${digest}`);
    return JSON.parse(new TextDecoder().decode(found.bytes)) as T;
  };
  return {
    ...agentStoresOf({}),
    agent: (agentId) => project.agents.find(({ content }) => content.agentId === agentId)?.content as AgentContent,
    model: part,
    soul: part,
    skill: part,
    tools: part,
    memory: () => project.memory.map((view) => ({ ...view, revision: 1 })),
  };
};
