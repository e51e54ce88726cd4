import type { StepAction } from '../dag/step.ts';
import type { Problem } from '../errors/domain-error.ts';
import { maxAskers, type RequiredAgent, type RequiredMemory } from './snapshot-requirements.ts';

type AgentAction = Extract<StepAction, { kind: 'agent' }>;

interface AskedAgent {
  readonly version?: string;
  readonly askedBy: string;
  readonly steps: string[];
}

/** Who asks: `label` is `DAG/step`, `place` says it in words, with the path of calls that leads there. */
export interface Asker {
  readonly label: string;
  readonly dag: string;
  place(): string;
}

/** The agents and memory scopes that the steps of a walk ask for, each with its first askers. */
export class AskedThings {
  readonly #agents = new Map<string, AskedAgent>();
  readonly #scopes = new Map<string, string[]>();
  readonly #askers = new Set<string>();

  /** Notes an agent step. A problem when it pins another version than an earlier one: a run records one version per agent (R4). */
  ask(action: AgentAction, asker: Asker): Problem | undefined {
    const { agent: agentId, version, memory } = action;
    const known = this.#agents.get(agentId);
    if (known?.version !== undefined && version !== undefined && known.version !== version) {
      const message = `${asker.place()} asks for the agent "${agentId}" in version ${version}, but ${known.askedBy} asks for ${known.version}: a run uses one version of an agent`;
      return { message };
    }
    const steps = known?.steps ?? [];
    if (known === undefined || (known.version === undefined && version !== undefined)) {
      const askedBy = asker.place();
      this.#agents.set(agentId, version === undefined ? { askedBy, steps } : { version, askedBy, steps });
    }
    this.#note(steps, asker.label);
    if (memory.read) for (const scope of ['global', `dag/${asker.dag}`, `agent/${agentId}`]) this.#read(scope, asker);
    return undefined;
  }

  /** Sorted by id. */
  agents(): readonly RequiredAgent[] {
    return [...this.#agents]
      .map(([agentId, asked]) => ({ agentId, ...asked }))
      .sort((a, b) => (a.agentId < b.agentId ? -1 : 1));
  }

  memory(): RequiredMemory {
    const named = (prefix: string): readonly string[] =>
      [...this.#scopes.keys()].filter((scope) => scope.startsWith(prefix)).map((scope) => scope.slice(prefix.length));
    return {
      global: this.#scopes.has('global'),
      dags: [...named('dag/')].sort(),
      agents: [...named('agent/')].sort(),
      steps: Object.fromEntries([...this.#scopes].sort(([a], [b]) => (a < b ? -1 : 1))),
    };
  }

  /** All steps that are named, in walk order. */
  askers(): readonly string[] {
    return [...this.#askers];
  }

  #read(scope: string, asker: Asker): void {
    const steps = this.#scopes.get(scope) ?? [];
    this.#scopes.set(scope, steps);
    this.#note(steps, asker.label);
  }

  #note(steps: string[], label: string): void {
    if (steps.length >= maxAskers || steps.includes(label)) return;
    steps.push(label);
    this.#askers.add(label);
  }
}
