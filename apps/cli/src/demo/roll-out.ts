import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainError } from '@skein/domain';
import { type RolloutInfo, readProjectFolder, type SkeinClient, type StartRolloutInput } from '@skein/sdk';
import type { Cli } from '../cli/cli.ts';
import { type Driven, driveRuns } from './drive-runs.ts';

/** The agent and the DAG of the example. */
const agentId = 'sorter';
const dag = 'sort-ticket';

/** Most runs, and the longest time in ms, that one rollout is given. */
const maxRuns = 5_000;
const maxMs = 600_000;

/** A version that is rolled out, and how. */
export interface RollOut {
  /** Folder under `versions/` of the example whose instructions make the version. */
  readonly version: string;
  readonly plan: Omit<StartRolloutInput, 'type' | 'candidateVersionId'>;
  readonly say: (text: string) => void;
}

/** How a rollout ended. */
export interface RolledOut {
  readonly rollout: RolloutInfo;
  readonly driven: Driven;
  /** Weights of the steps that were reached. */
  readonly steps: readonly string[];
}

/** Publishes the example with other instructions as the agent's candidate; gives its version. */
const publishCandidate = async (client: SkeinClient, project: string, version: string): Promise<string> => {
  const text = await readFile(join(project, 'versions', version, 'INSTRUCTIONS.md'));
  const files = (await readProjectFolder(project)).map((file) =>
    file.path === `agents/${agentId}/INSTRUCTIONS.md` ? { ...file, bytes: new Uint8Array(text) } : file,
  );
  const { agents } = await client.apply({ files, activate: false, candidate: true });
  const published = agents.find((agent) => agent.agentId === agentId);
  if (published === undefined) throw new DomainError('internal', 'the example has lost its agent');
  return published.versionId;
};

const isOver = (rollout: RolloutInfo): boolean =>
  rollout.status === 'completed' || rollout.status === 'rolled_back' || rollout.status === 'cancelled';

/** Starts the rollout and sends traffic until it has decided by itself, or until it was given every run that there is. */
export const rollOut = async (
  cli: Cli,
  client: SkeinClient,
  project: string,
  { version, plan, say }: RollOut,
): Promise<RolledOut> => {
  const candidateVersionId = await publishCandidate(client, project, version);
  const started = await client.rollouts.start(agentId, { ...plan, type: 'canary', candidateVersionId });
  const until = Date.now() + maxMs;
  let current: RolloutInfo = started;
  const ended = new AbortController();
  const watching = (async () => {
    for await (const seen of client.rollouts.watch(agentId, { signal: AbortSignal.any([ended.signal, cli.signal]) })) {
      if (seen.id !== started.id) continue;
      if (seen.explanation.decided !== current.explanation.decided) say(seen.explanation.decided);
      current = seen;
      if (isOver(seen)) return;
    }
  })().catch(() => undefined);
  try {
    const driven = await driveRuns(client, {
      dag,
      customer: (index) => `${version}-customer-${index}`,
      limit: maxRuns,
      enough: () => isOver(current) || Date.now() > until,
      counted: () => current.evidence?.units.reduce((sum, units) => sum + units, 0) ?? 0,
      signal: cli.signal,
    });
    ended.abort();
    await watching;
    const rollout = await client.rollouts.read(started.id);
    // Not from what was watched: a reader that is slow misses views in between.
    const steps = rollout.steps.slice(0, rollout.stepIndex + 1).map(({ weight }) => weight);
    return { rollout, driven, steps };
  } finally {
    ended.abort();
  }
};
