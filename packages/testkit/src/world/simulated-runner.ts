import type {
  Digest,
  JsonValue,
  Manifest,
  TaskOffer,
  TaskOutcome,
  TaskResult,
  ValueRef,
  WorkerId,
} from '@skein/domain';
import { DomainError, defaultSnapshotLimits, isDomainError } from '@skein/domain';
import type { Clock, Random, TaskRunner, TaskSink, TaskTransfers } from '@skein/ports';
import { decodeEnvelope, decodePart } from '@skein/snapshot';
import type { AgentBehaviour } from './agent-behaviour.ts';

/** One thing that a worker did, for the oracle. */
export interface Execution {
  readonly workerId: WorkerId;
  readonly runId: string;
  readonly step: string;
  readonly attempt: number;
  readonly token: number;
  started: boolean;
  /** What the runner answered. */
  outcome?: TaskOutcome['status'];
}

/** Everything that all workers of a world did. */
export type Ledger = Execution[];

/** What a simulated runner works with. */
export interface SimulatedRunnerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly workerId: WorkerId;
  readonly ledger: Ledger;
  /** Longest run time of a step, in ms. */
  readonly maxStepMs: number;
  /** Chance that a step fails. */
  readonly failure: number;
  /** Runs agent steps; without it they are played like the others. */
  readonly agents?: TaskRunner;
  /** How agent steps that are played end. */
  readonly behaviour?: AgentBehaviour;
}

const largeText = 'x'.repeat(40_000);

/** Every value of the offer must be readable: by digest through the gateway, or inline. */
const readInputs = async (offer: TaskOffer, transfers: TaskTransfers): Promise<void> => {
  const refs: ValueRef[] = [...Object.values(offer.refs), ...Object.values(offer.upstreamEnv)];
  if (offer.item !== undefined) refs.push(offer.item.value);
  for (const ref of refs) if (!('inline' in ref)) await transfers.fetchBlob(ref.digest);
};

/**
 * A task runner without a real executor: it reads its inputs, checks that it got each snapshot part that it lacks and none that it
 * holds, takes simulated time, fails by chance, and gives the outputs that the step declares.
 */
export class SimulatedRunner implements TaskRunner {
  readonly #deps: SimulatedRunnerDeps;
  readonly #held = new Set<Digest>();
  readonly #manifests = new Map<Digest, Manifest>();
  /** Texts of memory, by the digest of their part. */
  readonly #texts = new Map<Digest, string>();

  constructor(deps: SimulatedRunnerDeps) {
    this.#deps = deps;
  }

  held(): readonly Digest[] {
    return this.#deps.agents?.held() ?? [...this.#held];
  }

  onEvicted(): void {}

  async close(): Promise<void> {}

  async run(
    offer: TaskOffer,
    sink: TaskSink,
    transfers: TaskTransfers,
    signal: AbortSignal,
    handBack?: AbortSignal,
  ): Promise<TaskResult> {
    const { clock, workerId, ledger } = this.#deps;
    const { runId, step, attempt, token } = offer;
    const execution: Execution = { workerId, runId, step, attempt, token, started: false };
    ledger.push(execution);
    const { agents } = this.#deps;
    if (agents !== undefined && offer.definition.action.kind === 'agent') {
      const started = (): void => {
        execution.started = true;
        sink.started();
      };
      const watched = { ...sink, log: (bytes: Uint8Array) => sink.log(bytes), started };
      const result = await agents.run(offer, watched, transfers, signal, handBack);
      execution.outcome = result.outcome.status;
      return result;
    }
    const beganAt = clock.monotonicMs();
    const finish = (outcome: TaskOutcome, outputs: { readonly [name: string]: ValueRef } = {}): TaskResult => {
      execution.outcome = outcome.status;
      const durationMs = clock.monotonicMs() - beganAt;
      const base = { runId, step, attempt, token, outcome, outputs, durationMs };
      return outcome.status === 'succeeded'
        ? { ...base, exitCode: 0, stdout: { inline: `out of ${step}` } }
        : { ...base, exitCode: 1 };
    };
    try {
      await this.#takeSnapshot(offer, transfers);
      await readInputs(offer, transfers);
      if (signal.aborted || handBack?.aborted === true) return finish({ status: 'released' });
      execution.started = true;
      sink.started();
      sink.log(new TextEncoder().encode(`${step} ${attempt}\n`));
      const random = this.#deps.random.fork(`${runId} ${step} ${token}`);
      const { behaviour } = this.#deps;
      if (behaviour !== undefined && offer.definition.action.kind === 'agent') {
        const played = behaviour.play(offer, this.#memoryOf(offer, offer.definition.action.agent));
        await clock.sleep(random.integer(played.maxMs), signal);
        const { usage, proposals, error } = played;
        if (error !== undefined) return { ...finish({ status: 'failed', error }), usage };
        return { ...finish({ status: 'succeeded' }, await this.#outputs(offer, random, transfers)), usage, proposals };
      }
      await clock.sleep(random.integer(this.#deps.maxStepMs), signal);
      if (random.next() < this.#deps.failure) {
        return finish({ status: 'failed', error: { code: 'internal', message: 'failed by chance' } });
      }
      return finish({ status: 'succeeded' }, await this.#outputs(offer, random, transfers));
    } catch (thrown) {
      if (signal.aborted) return finish({ status: 'cancelled' });
      const code = isDomainError(thrown) ? thrown.code : 'internal';
      return finish({ status: 'failed', error: { code, message: String(thrown) } });
    }
  }

  async #outputs(
    offer: TaskOffer,
    random: Random,
    transfers: TaskTransfers,
  ): Promise<{ readonly [name: string]: ValueRef }> {
    const outputs: { [name: string]: ValueRef } = {};
    for (const { name, type } of offer.definition.outputs) {
      const value: JsonValue =
        type === 'array'
          ? Array.from({ length: random.integer(5) }, (_, index) => `${name}-${index}`)
          : random.next() < 0.2
            ? largeText
            : name;
      if (value !== largeText) {
        outputs[name] = { inline: value };
        continue;
      }
      const bytes = new TextEncoder().encode(JSON.stringify(value));
      outputs[name] = { digest: await transfers.storeBlob(bytes), bytes: bytes.length };
    }
    return outputs;
  }

  async #takeSnapshot(offer: TaskOffer, transfers: TaskTransfers): Promise<void> {
    if (offer.definition.action.kind !== 'agent') return;
    if (offer.snapshot === undefined)
      throw new DomainError('snapshot_invalid', 'no snapshot', { reason: 'missing_snapshot' });
    const { digest } = offer.snapshot;
    let { envelope } = offer.snapshot;
    if (envelope === undefined && !this.#held.has(digest))
      envelope = await transfers.fetchSnapshot(digest, this.held());
    if (envelope === undefined) return;
    const { manifest, parts } = decodeEnvelope(envelope, defaultSnapshotLimits);
    for (const part of manifest.parts) {
      if (!parts.has(part.digest) && !this.#held.has(part.digest)) {
        throw new DomainError('snapshot_invalid', `part ${part.name} is missing`, { reason: 'missing_part' });
      }
    }
    for (const part of manifest.parts) {
      const bytes = parts.get(part.digest);
      if (part.kind === 'memory' && bytes !== undefined)
        this.#texts.set(part.digest, decodePart('memory', bytes, part.name, defaultSnapshotLimits).text);
      this.#held.add(part.digest);
    }
    this.#manifests.set(digest, manifest);
    this.#held.add(digest);
  }

  /** What the snapshot holds of an agent's own memory, or of its arm's copy. */
  #memoryOf({ snapshot }: TaskOffer, agentId: string): string {
    const parts = this.#manifests.get(snapshot?.digest ?? '')?.parts ?? [];
    const own = parts.filter(
      ({ kind, name }) => kind === 'memory' && (name === `agent/${agentId}` || name.startsWith(`agent/${agentId}@`)),
    );
    return own.map(({ digest }) => this.#texts.get(digest) ?? '').join('\n');
  }
}
