import type { VersionId } from '@skein/domain';
import { createClient, type SkeinClient } from '@skein/sdk';
import { CoordinatorProcess } from '../skein/coordinator-process.ts';

const agent = 'sorter';

const filesOf = (instructions: string): Readonly<Record<string, string>> => ({
  [`agents/${agent}/agent.yaml`]: 'model: { provider: offline }\n',
  [`agents/${agent}/INSTRUCTIONS.md`]: `${instructions}\n`,
  // The gate is passed over and the agent's step with it: a run is routed as any other, and needs no worker to end.
  'dags/route.yaml': `name: route
params: { go: "no" }
steps:
  - id: gate
    preconditions: [{ condition: "\${params.go}", expected: "yes" }]
    wait: { duration_sec: 1 }
  - { id: sort, depends: gate, type: agent, agent: ${agent}, prompt: sort }
`,
});

/** The answer of a submit, as far as it is read here. */
interface Submitted {
  readonly startedAt?: string;
  readonly agents: { readonly [agent: string]: { readonly versionId: VersionId } };
}

/** A coordinator process with an agent of two versions, and a DAG whose runs are routed and end without a worker. */
export class RoutingProject {
  readonly #coordinator: CoordinatorProcess;
  readonly #client: SkeinClient;
  readonly #candidate: VersionId;
  #customers = 0;

  private constructor(coordinator: CoordinatorProcess, client: SkeinClient, candidate: VersionId) {
    this.#coordinator = coordinator;
    this.#client = client;
    this.#candidate = candidate;
  }

  /** Needs the build. */
  static async start(): Promise<RoutingProject> {
    const coordinator = await CoordinatorProcess.start(filesOf('Sort letters.'));
    const client = createClient({ url: coordinator.http, token: coordinator.token });
    const files = Object.entries(filesOf('Sort letters with care.')).map(([path, text]) => ({
      path,
      bytes: new TextEncoder().encode(text),
    }));
    const { agents } = await client.apply({ files, activate: false });
    const candidate = agents.find(({ agentId }) => agentId === agent)?.versionId;
    if (candidate === undefined) throw new Error('the candidate was not published');
    return new RoutingProject(coordinator, client, candidate);
  }

  /** Submits a run of a customer of its own; whether it met the candidate, and when it was admitted (the coordinator's wall clock, ms). */
  async submit(): Promise<{ readonly isCandidate: boolean; readonly at: number }> {
    const routingContext = { resourceId: `customer-${this.#customers++}` };
    const run = await this.#coordinator.call<Submitted>('POST', '/api/runs', { dag: 'route', routingContext });
    if (run.startedAt === undefined) throw new Error('a run was not admitted at once');
    return { isCandidate: run.agents[agent]?.versionId === this.#candidate, at: Date.parse(run.startedAt) };
  }

  /** Starts a canary that half of the customers meet; its id. */
  async begin(): Promise<string> {
    const { id } = await this.#client.rollouts.start(agent, {
      type: 'canary',
      candidateVersionId: this.#candidate,
      weight: 0.5,
      steps: [],
      force: true,
      reason: 'bench',
    });
    return id;
  }

  /** Takes the live rollout back. */
  async rollback(): Promise<void> {
    await this.#client.rollouts.rollback(agent, { reason: 'bench' });
  }

  /** When a rollout was taken back (the coordinator's wall clock, ms). */
  async endOf(rolloutId: string): Promise<number> {
    const { completedAt } = await this.#client.rollouts.read(rolloutId);
    if (completedAt === null) throw new Error('the rollout goes on');
    return Date.parse(completedAt);
  }

  async stop(): Promise<void> {
    await this.#coordinator.stop();
  }
}
