import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunView, VersionId } from '@skein/domain';
import { createClient, type RolloutInfo, readProjectFolder, type SkeinClient, type SubmitRunInput } from '@skein/sdk';
import { eventually, folderWith, Stack } from './stack.ts';

/** What versions of an agent know: the stable one sorts invoices, a blind one nothing, a wide one more words. */
export const words = { stable: 'invoice', blind: 'voucher', wide: 'invoice", "bill' } as const;

const instructions = (keywords: string): string =>
  `Sort letters by topic.

\`\`\`rules
{ "text": ["text"], "labels": [{ "label": "billing", "keywords": ["${keywords}"] }], "default": "question" }
\`\`\`
`;

/** A step that lets an agent sort the letter of the run. */
export const sortStep = (agent: string, more = ''): string => `  - id: sort
    type: agent
    agent: ${agent}
${more}    output_schema:
      type: object
      required: [letters]
      properties:
        letters: { type: array, items: { type: object, properties: { topic: { type: string } } } }
    prompt: |
      Give the letter "\${params.text}" a topic.

      \`\`\`task
      { "task": "classify", "items": [{ "text": "\${params.text}" }], "fields": { "topic": { "label": true } }, "into": "letters" }
      \`\`\`
`;

/** Params of a DAG with `sortStep`. */
export const sortParams = 'params: { text: my invoice, expected: billing }\n';

/** An agent with the scorer `right`, which knows the answer, and a DAG of its name that asks it once. */
export const sorter = (agent: string, settings = ''): Readonly<Record<string, string>> => ({
  [`agents/${agent}/agent.yaml`]: `model: { provider: offline }
${
  settings ||
  `scorers:
  - { id: right, type: expression, expression: "outputs.letters[0].topic == params.expected" }
`
}`,
  [`agents/${agent}/INSTRUCTIONS.md`]: instructions(words.stable),
  [`dags/${agent}.yaml`]: `name: ${agent}\n${sortParams}steps:\n${sortStep(agent)}`,
});

/** Publishes the project of a folder with other knowledge of one agent, and leaves its active version as it is. */
export const publishVersion = async (
  client: SkeinClient,
  folder: string,
  agent: string,
  keywords: string,
): Promise<VersionId> => {
  const path = `agents/${agent}/INSTRUCTIONS.md`;
  const files = (await readProjectFolder(folder)).map((file) =>
    file.path === path ? { ...file, bytes: new TextEncoder().encode(instructions(keywords)) } : file,
  );
  const { agents } = await client.apply({ files, activate: false });
  const published = agents.find(({ agentId }) => agentId === agent);
  if (published === undefined) throw new Error(`${agent} was not published`);
  return published.versionId;
};

/** Runs under way at once while runs are driven. */
const width = 16;

/** Runs that may have ended and are not counted yet: traffic waits for an evaluator that a slow disk keeps, not the other way round. */
const maxUncounted = 100;

/** Longest that traffic waits while the count stands still, ms: some runs are not counted. */
const longestWaitMs = 30_000;

/** A stack with agents whose versions differ in what they know. */
export class RolloutFleet {
  readonly stack: Stack;
  readonly folder: string;

  private constructor(stack: Stack, folder: string) {
    this.stack = stack;
    this.folder = folder;
  }

  static async start(
    files: Readonly<Record<string, string>>,
    options: { readonly workers?: number; readonly env?: Readonly<Record<string, string>> } = {},
  ): Promise<RolloutFleet> {
    const folder = folderWith(files);
    const env = { SKEIN_SLOTS: '12', SKEIN_LEASE_MS: '120000', ...options.env };
    return new RolloutFleet(await Stack.start(folder, { ...options, env }), folder);
  }

  /** Patient: a coordinator that was killed is back within a few seconds. */
  get client(): SkeinClient {
    const { http: url, token } = this.stack;
    return createClient({ url, token, retry: { attempts: 60, baseMs: 50, maxMs: 500 } });
  }

  async stop(): Promise<{ readonly left: readonly unknown[] }> {
    const { left } = await this.stack.stop();
    this.stack.remove();
    rmSync(this.folder, { recursive: true, force: true });
    return { left };
  }

  /** Writes what an agent knows into the project's folder; the returned function writes it back. */
  teach(agent: string, keywords: string): () => void {
    const path = join(this.folder, `agents/${agent}/INSTRUCTIONS.md`);
    const before = readFileSync(path, 'utf8');
    writeFileSync(path, instructions(keywords));
    return () => writeFileSync(path, before);
  }

  /** Publishes a version of an agent and leaves the active one as it is. */
  publish(agent: string, keywords: string): Promise<VersionId> {
    return publishVersion(this.client, this.folder, agent, keywords);
  }

  async activeVersion(agent: string): Promise<VersionId | undefined> {
    return (await this.client.agents.list()).find(({ agentId }) => agentId === agent)?.activeVersionId;
  }

  /** Starts a run of a customer. */
  async submit(dag: string, resourceId: string, more: Partial<SubmitRunInput> = {}): Promise<string> {
    const { run } = await this.client.runs.submit({ dag, routingContext: { resourceId }, ...more });
    return run.runId;
  }

  /** The run once it has ended. */
  ended(runId: string): Promise<RunView> {
    return eventually(`run ${runId} ends`, async () => {
      const run = await this.client.runs.get(runId, { waitMs: 30_000 });
      return ['succeeded', 'failed', 'cancelled'].includes(run.status) ? run : undefined;
    });
  }

  /** A run of a customer, to its end. */
  async run(dag: string, resourceId: string, more: Partial<SubmitRunInput> = {}): Promise<RunView> {
    return this.ended(await this.submit(dag, resourceId, more));
  }

  /**
   * Customers `PREFIX-FROM` and on, one run each, until there are so many or it is enough. Gives the runs in the order in which they ended.
   * With `ready` the next one waits for that.
   */
  async drive(
    dag: string,
    prefix: string,
    most: number,
    enough: () => boolean = () => false,
    ready: (ended: number) => Promise<void> = async () => {},
  ): Promise<readonly RunView[]> {
    const runs: RunView[] = [];
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < most && !enough()) {
        runs.push(await this.run(dag, `${prefix}-${next++}`));
        await ready(runs.length);
      }
    };
    await Promise.all(Array.from({ length: Math.min(width, most) }, lane));
    return runs;
  }

  /** Drives runs until the rollout is over; gives it and the runs. */
  async driveToEnd(
    agent: string,
    rolloutId: string,
    most = 600,
    dag = agent,
  ): Promise<{ readonly rollout: RolloutInfo; readonly runs: readonly RunView[] }> {
    const stopped = new AbortController();
    let isOver = false;
    let counted = 0;
    let movedAt = performance.now();
    const see = ({ status, evidence }: RolloutInfo): void => {
      const now = evidence?.units.reduce((sum, units) => sum + units, 0) ?? 0;
      if (now > counted) movedAt = performance.now();
      counted = Math.max(counted, now);
      isOver ||= status !== 'active';
    };
    const watching = (async () => {
      for await (const rollout of this.client.rollouts.watch(agent, { signal: stopped.signal })) {
        if (rollout.id === rolloutId) see(rollout);
        if (isOver) return;
      }
    })().catch(() => undefined);
    const catchUp = async (ended: number): Promise<void> => {
      while (!isOver && ended - counted > maxUncounted && performance.now() - movedAt < longestWaitMs) {
        await sleep(50);
        see(await this.client.rollouts.read(rolloutId));
      }
    };
    const runs = await this.drive(dag, rolloutId, most, () => isOver, catchUp);
    stopped.abort();
    await watching;
    return { rollout: await this.client.rollouts.read(rolloutId), runs };
  }

  /** A customer whose runs get this arm, by the decisions of runs that are driven until there is one. */
  async customerOf(dag: string, agent: string, arm: number): Promise<string> {
    for (let number = 0; number < 200; number += 1) {
      const customer = `seeker-${number}`;
      if ((await this.run(dag, customer)).agents[agent]?.arm === arm) return customer;
    }
    throw new Error(`no customer of ${agent} gets arm ${arm}`);
  }
}
