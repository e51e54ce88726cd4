import { type Dag, dagDigest, suggest } from '@skein/domain';
import type { Hasher, ReadProject } from '@skein/ports';
import { type DagReading, readDag, reportUnknownAgents } from '../dag/read-dag.ts';
import { topOfFile } from '../problem/source-text.ts';
import { findParamProblems } from './check-params.ts';
import type { Findings } from './findings.ts';
import type { TextFile } from './project-files.ts';
import type { AgentReading } from './read-agent.ts';
import { findRings, renderRing } from './rings.ts';

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
  if (isWhole) {
    warnAboutRings(
      readings.map(({ reading }) => reading),
      current,
    );
  }
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
};

/** Calls that lead back to where they began: they end only by a precondition, or by the limit of nested calls. */
const warnAboutRings = (readings: readonly DagReading[], current: ReadonlyMap<string, Dag>): void => {
  const graph = new Map<string, readonly string[]>();
  const sources = new Map<string, DagReading['source']>();
  for (const { dag, source } of readings) {
    if (dag === undefined) continue;
    const inline = new Map(Object.entries(dag.subDags ?? {}));
    const keyOf = (name: string): string => (inline.has(name) ? `${dag.name}/${name}` : name);
    for (const [key, inner] of [
      [dag.name, dag] as const,
      ...[...inline].map(([name, each]) => [keyOf(name), each] as const),
    ]) {
      graph.set(
        key,
        targetsOf(inner)
          .filter((name) => inline.has(name) || current.has(name))
          .map(keyOf),
      );
      sources.set(key, source);
    }
  }
  for (const ring of findRings(graph)) {
    const message = `these DAGs call each other: ${renderRing(ring)}`;
    sources
      .get(ring[0] ?? '')
      ?.warn(topOfFile, { message, expected: 'a precondition that ends it; at most 16 calls may nest' });
  }
};

const targetsOf = ({ steps, handlers = {} }: Dag): readonly string[] => {
  const actions = [...steps, ...Object.values(handlers)].map(({ action }) => action);
  return [...new Set(actions.flatMap((action) => (action.kind === 'call' ? (action.choices ?? [action.dag]) : [])))];
};
