import type { Dag } from '../dag/dag.ts';
import type { Step, StepAction } from '../dag/step.ts';
import type { Problem } from '../errors/domain-error.ts';
import type { Digest } from '../identity/ids.ts';
import { err, ok, type Result } from '../result/result.ts';
import type { CallTargets } from '../run/run-fact.ts';
import { AskedThings } from './asked-things.ts';
import { DagFinder, type DagScope, type DagSource, type DigestedDag } from './dag-finder.ts';
import type { SnapshotRequirements } from './snapshot-requirements.ts';

/** Most DAGs in one tree, told apart by digest. */
export const maxDagsInTree = 256;

/** A DAG to visit, the file that its calls resolve in, and the call that led to it. */
interface Visit extends DigestedDag {
  readonly scope: DagScope;
  readonly caller?: { readonly visit: Visit; readonly step: Step };
}

/**
 * Walks a DAG, its handlers and every sub-DAG that its steps may call, breadth first, each content once by digest: two DAGs with one
 * name do not collide. A name means a document of the same file first, then the project's DAG; the cost is linear in the size of the tree.
 *
 * Problems: a sub-DAG that cannot be found, with the path of calls to it; a called name that is an expression without choices; one agent
 * pinned to two versions (R4); one content whose calls mean different DAGs in two files, which `calls` has no words for; and more than
 * `maxDagsInTree` DAGs.
 */
export const collectRequirements = (dag: Dag, source: DagSource): Result<SnapshotRequirements, readonly Problem[]> =>
  new RequirementsWalk(source).collect(dag);

class RequirementsWalk {
  readonly #finder: DagFinder;
  readonly #asked = new AskedThings();
  readonly #problems: Problem[] = [];
  readonly #calls = new Map<Digest, Map<string, Digest>>();
  /** Contents seen, each with the files in which their calls were resolved. */
  readonly #visited = new Map<Digest, Set<Digest>>();
  readonly #open: Visit[] = [];

  constructor(source: DagSource) {
    this.#finder = new DagFinder(source);
  }

  collect(dag: Dag): Result<SnapshotRequirements, readonly Problem[]> {
    const root = this.#finder.digested(dag);
    this.#enter({ ...root, scope: root });
    // The list grows while it is walked.
    for (const visit of this.#open) {
      if (this.#visited.size > maxDagsInTree) {
        this.#problems.push({
          message: `the tree of DAG "${dag.name}" has more than ${maxDagsInTree} DAGs, with ${pathOf(visit)}`,
        });
        break;
      }
      this.#visit(visit);
    }
    if (this.#problems.length > 0) return err(this.#problems);
    return ok({
      agents: this.#asked.agents(),
      memory: this.#asked.memory(),
      calls: this.#callTargets(),
      askers: this.#asked.askers(),
    });
  }

  #enter(visit: Visit): void {
    const scopes = this.#visited.get(visit.digest) ?? new Set();
    if (scopes.has(visit.scope.digest)) return;
    scopes.add(visit.scope.digest);
    this.#visited.set(visit.digest, scopes);
    this.#open.push(visit);
  }

  #visit(visit: Visit): void {
    const [first] = this.#visited.get(visit.digest) ?? [];
    const again = first !== visit.scope.digest;
    for (const step of stepsOf(visit.dag)) {
      if (step.action.kind === 'agent' && !again) this.#askForAgent(visit, step, step.action);
      if (step.action.kind === 'call') this.#follow(visit, step, step.action);
    }
  }

  #askForAgent(visit: Visit, step: Step, action: Extract<StepAction, { kind: 'agent' }>): void {
    const { name } = visit.dag;
    const label = `${name}/${step.id}`;
    const problem = this.#asked.ask(action, { label, dag: name, place: () => placeOf(visit, step) });
    if (problem !== undefined) this.#problems.push(problem);
  }

  #follow(visit: Visit, step: Step, action: Extract<StepAction, { kind: 'call' }>): void {
    const isExpression = action.dag.includes('${');
    if (isExpression && action.choices === undefined) {
      const message = `${placeOf(visit, step)} calls a DAG by an expression and must declare the set that it chooses from`;
      this.#problems.push({ message });
      return;
    }
    for (const name of isExpression ? (action.choices ?? []) : [action.dag]) {
      if (this.#visited.size > maxDagsInTree) return;
      const target = this.#finder.find(visit.scope, name);
      if (target === undefined) {
        const message = `${placeOf(visit, step)} calls the DAG "${name}", which does not exist`;
        this.#problems.push({ message });
        continue;
      }
      if (this.#record(visit, name, target.digest)) this.#enter({ ...target, caller: { visit, step } });
      else {
        const message = `${placeOf(visit, step)} calls another DAG "${name}" than the same DAG "${visit.dag.name}" does elsewhere in the tree`;
        this.#problems.push({ message });
      }
    }
  }

  /** False when this content calls another DAG by this name already. */
  #record(visit: Visit, name: string, digest: Digest): boolean {
    const targets = this.#calls.get(visit.digest) ?? new Map<string, Digest>();
    this.#calls.set(visit.digest, targets);
    const known = targets.get(name);
    if (known !== undefined) return known === digest;
    targets.set(name, digest);
    return true;
  }

  #callTargets(): CallTargets {
    return Object.fromEntries([...this.#calls].map(([caller, targets]) => [caller, Object.fromEntries(targets)]));
  }
}

const stepsOf = (dag: Dag): readonly Step[] => [...dag.steps, ...Object.values(dag.handlers ?? {})];

const placeOf = (visit: Visit, step: Step): string =>
  `${step.id.startsWith('@') ? `handler "${step.id.slice(1)}"` : `step "${step.id}"`} of ${pathOf(visit)}`;

/** `DAG "inner" (called by step "go" of DAG "outer")`. */
const pathOf = ({ dag, caller }: Visit): string =>
  caller === undefined ? `DAG "${dag.name}"` : `DAG "${dag.name}" (called by ${placeOf(caller.visit, caller.step)})`;
