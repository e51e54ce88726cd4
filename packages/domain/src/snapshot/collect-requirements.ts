import type { Dag } from '../dag/dag.ts';
import type { Step } from '../dag/step.ts';
import type { Problem } from '../errors/domain-error.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import type { JsonValue } from '../json/json-value.ts';
import { err, ok, type Result } from '../result/result.ts';
import type { RequiredAgent, SnapshotRequirements } from './snapshot-requirements.ts';

/** Finds a DAG by name. */
type ResolveDag = (name: string) => Dag | undefined;

/** What one walk gathers. */
interface Walk {
  readonly agents: Map<string, RequiredAgent>;
  readonly memoryDags: Set<string>;
  readonly memoryAgents: Set<string>;
  readonly problems: Problem[];
  /** Canonical content of the DAGs seen: two DAGs with one name do not collide. */
  readonly visited: Set<string>;
}

/**
 * Walks a DAG, its handlers and every sub-DAG that its steps may call, each content once. An inline sub-DAG shadows one of the project.
 * Problems: a sub-DAG that cannot be found (with the path of calls to it), a called name that is an expression without choices,
 * and one agent pinned to two versions, since a run records one version per agent (R4).
 */
export const collectRequirements = (
  dag: Dag,
  resolveDag: ResolveDag,
): Result<SnapshotRequirements, readonly Problem[]> => {
  const walk: Walk = {
    agents: new Map(),
    memoryDags: new Set(),
    memoryAgents: new Set(),
    problems: [],
    visited: new Set(),
  };
  const open: { readonly dag: Dag; readonly path: string; readonly resolve: ResolveDag }[] = [
    { dag, path: `DAG "${dag.name}"`, resolve: resolveDag },
  ];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const content = canonicalJson(next.dag as unknown as JsonValue);
    if (walk.visited.has(content)) continue;
    walk.visited.add(content);
    const { dag: current, path } = next;
    const resolve: ResolveDag = (name) => inlineDag(current, name) ?? next.resolve(name);
    for (const step of stepsOf(current)) {
      const place = `step "${step.id}" of ${path}`;
      if (step.action.kind === 'agent') requireAgent(walk, current, step.action, place);
      if (step.action.kind !== 'call') continue;
      for (const name of calledNames(walk, step.action, place)) {
        const called = resolve(name);
        if (called === undefined)
          walk.problems.push({ message: `${place} calls the DAG "${name}", which does not exist` });
        else open.push({ dag: called, path: `DAG "${name}" (called by ${place})`, resolve });
      }
    }
  }
  if (walk.problems.length > 0) return err(walk.problems);
  return ok({
    agents: [...walk.agents.values()].sort((a, b) => (a.agentId < b.agentId ? -1 : 1)),
    memory: {
      global: walk.memoryAgents.size > 0,
      dags: [...walk.memoryDags].sort(),
      agents: [...walk.memoryAgents].sort(),
    },
  });
};

const stepsOf = (dag: Dag): readonly Step[] => [...dag.steps, ...Object.values(dag.handlers ?? {})];

const inlineDag = (dag: Dag, name: string): Dag | undefined =>
  dag.subDags !== undefined && Object.hasOwn(dag.subDags, name) ? dag.subDags[name] : undefined;

const requireAgent = (
  walk: Walk,
  dag: Dag,
  action: Extract<Step['action'], { kind: 'agent' }>,
  place: string,
): void => {
  const { agent: agentId, version, memory } = action;
  const known = walk.agents.get(agentId);
  if (known?.version !== undefined && version !== undefined && known.version !== version) {
    const message = `${place} asks for the agent "${agentId}" in version ${version}, but ${known.askedBy} asks for ${known.version}: a run uses one version of an agent`;
    walk.problems.push({ message });
  } else if (known === undefined || (known.version === undefined && version !== undefined)) {
    walk.agents.set(
      agentId,
      version === undefined ? { agentId, askedBy: place } : { agentId, version, askedBy: place },
    );
  }
  if (!memory.read) return;
  walk.memoryDags.add(dag.name);
  walk.memoryAgents.add(agentId);
};

const calledNames = (
  walk: Walk,
  action: Extract<Step['action'], { kind: 'call' }>,
  place: string,
): readonly string[] => {
  if (!action.dag.includes('${')) return [action.dag];
  if (action.choices !== undefined) return action.choices;
  walk.problems.push({
    message: `${place} calls a DAG by an expression and must declare the set that it chooses from`,
  });
  return [];
};
