import { type Dag, dagDigest, suggest } from '@skein/domain';
import type { Hasher, ReadProject } from '@skein/ports';
import { type DagReading, readDag, reportUnknownAgents } from '../dag/read-dag.ts';
import { topOfFile } from '../problem/source-text.ts';
import { findParamProblems } from './check-params.ts';
import type { Findings } from './findings.ts';
import type { TextFile } from './project-files.ts';
import type { AgentReading } from './read-agent.ts';
import { findRings } from './rings.ts';

/** What the DAGs of a project are checked against. */
export interface DagsContext {
  /** Ids of the agents that exist or will. */
  readonly agents: ReadonlySet<string>;
  readonly readings: ReadonlyMap<string, AgentReading>;
  readonly hasher: Hasher;
  readonly findings: Findings;
}

/** Reads every DAG file, and looks at each against the rest of the project. */
export const readDags = (files: readonly TextFile[], context: DagsContext): Pick<ReadProject, 'dags' | 'subDags'> => {
  const { hasher, findings, agents } = context;
  const byName = new Map<string, { readonly dag: Dag; readonly file: string }>();
  const readings = files.map((file) => {
    const reading = readDag(file.text, file.path);
    reportUnknownAgents(reading, agents);
    const { dag, source } = reading;
    const twin = dag === undefined ? undefined : byName.get(dag.name);
    if (dag !== undefined && twin !== undefined) {
      source.report(topOfFile, { message: `DAG ${dag.name} is also in ${twin.file}`, expected: 'each name once' });
    }
    if (dag !== undefined && twin === undefined) byName.set(dag.name, { dag, file: file.path });
    return { file, reading };
  });
  const isWhole = readings.every(({ reading }) => reading.dag !== undefined);
  const current = new Map([...byName].map(([name, { dag }]) => [name, dag]));
  for (const { reading } of readings) {
    warnAboutProposals(reading, context.readings);
    // A name that is not known may stand in a file that could not be read.
    if (isWhole) warnAboutCalls(reading, current);
    findings.problems.push(...reading.problems);
    findings.warnings.push(...reading.source.warnings);
  }
  const subDags = new Map<string, ReadProject['subDags'][number]>();
  const dags = readings.flatMap(({ file, reading: { dag } }) => {
    if (dag === undefined) return [];
    for (const [name, inner] of Object.entries(dag.subDags ?? {})) {
      const digest = dagDigest(inner, hasher);
      subDags.set(digest, { name, digest, dag: inner });
    }
    return [{ name: dag.name, digest: dagDigest(dag, hasher), dag, source: file.text }];
  });
  return { dags, subDags: [...subDags.values()] };
};

/** A proposal comes from the tool `remember`; an explicit version of an agent may allow what the files do not. */
const warnAboutProposals = ({ agents, source }: DagReading, readings: DagsContext['readings']): void => {
  for (const { agent, stepId, version, memory, memorySpot } of agents) {
    const tools = readings.get(agent)?.tools;
    if (!memory.propose || version !== undefined || tools === undefined || tools.allow.includes('remember')) continue;
    const message = `step ${stepId} lets agent ${agent} propose notes, but the agent may not use remember`;
    source.warn(memorySpot, { message, expected: `remember in the tools of agents/${agent}/agent.yaml` });
  }
};

/** What a file calls and the project does not have may exist on the coordinator, with other parameters than here. */
const warnAboutCalls = ({ dag, calls, source }: DagReading, current: ReadonlyMap<string, Dag>): void => {
  for (const call of calls) {
    const target = current.get(call.dag);
    if (target !== undefined) {
      for (const [spot, finding] of findParamProblems(call, target)) source.warn(spot, finding);
      continue;
    }
    const near = suggest(call.dag, [...Object.keys(dag?.subDags ?? {}), ...current.keys()]);
    source.warn(call.spot, {
      message: `step ${call.stepId} calls DAG ${call.dag}, which is not in the project`,
      ...(near === undefined ? { expected: 'a DAG that the coordinator has' } : { suggestion: near }),
    });
  }
  for (const name of Object.keys(dag?.subDags ?? {})) {
    if (!current.has(name)) continue;
    source.warn(topOfFile, { message: `inside this file, its document ${name} hides the DAG ${name} of the project` });
  }
  if (dag !== undefined) warnAboutRings(dag, current, source);
};

/** Calls that lead back to where they began: they end only by a precondition, or by the limit of nested calls. */
const warnAboutRings = (dag: Dag, current: ReadonlyMap<string, Dag>, source: DagReading['source']): void => {
  const inline = new Map(Object.entries(dag.subDags ?? {}));
  const graph = new Map<string, readonly string[]>();
  const open: (readonly [string, Dag])[] = [[dag.name, dag], ...inline];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [name, inner] = next;
    if (graph.has(name)) continue;
    const targets = targetsOf(inner);
    graph.set(name, targets);
    for (const target of targets) {
      const found = inline.get(target) ?? current.get(target);
      if (found !== undefined && !graph.has(target)) open.push([target, found]);
    }
  }
  for (const ring of findRings(graph)) {
    const mine = ring.some((name) => name === dag.name || inline.has(name));
    if (!mine) continue;
    const message = `these DAGs call each other: ${[...ring, ring[0] ?? ''].join(' -> ')}`;
    source.warn(topOfFile, { message, expected: 'a precondition that ends it; at most 16 calls may nest' });
  }
};

const targetsOf = ({ steps, handlers = {} }: Dag): readonly string[] => {
  const actions = [...steps, ...Object.values(handlers)].map(({ action }) => action);
  return [...new Set(actions.flatMap((action) => (action.kind === 'call' ? (action.choices ?? [action.dag]) : [])))];
};
