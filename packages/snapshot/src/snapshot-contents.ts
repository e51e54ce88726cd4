import type { AgentContent, ManifestPart, PartKind, SnapshotLimits } from '@skein/domain';
import { decodePart, type PartBudget, partBudget } from './part-codec.ts';
import { nameOfPart, type PartContents, partLabel } from './part-content.ts';
import { snapshotInvalid } from './snapshot-error.ts';

/** Text of more bytes than this stays in its part until it is read: what is in the bytes already is not kept a second time. */
const deferOverBytes = 4 * 1024;

/** Contents by kind and digest; an agent's digest is its version id. */
export type ContentsByKind = { readonly [K in PartKind]: ReadonlyMap<string, PartContents[K]> };

/** The parts of one snapshot as values, taken in one by one under one budget. */
export class SnapshotContents {
  readonly #limits: SnapshotLimits;
  readonly #budget: PartBudget;
  readonly #byKind: { readonly [K in PartKind]: Map<string, PartContents[K]> } = {
    agent: new Map(),
    model: new Map(),
    soul: new Map(),
    skill: new Map(),
    tools: new Map(),
    memory: new Map(),
  };

  constructor(limits: SnapshotLimits) {
    this.#limits = limits;
    this.#budget = partBudget(limits);
  }

  /**
   * Reads, checks and freezes one part. Its bytes must have been verified, and nobody may change them from now on: large texts are read
   * from them when they are asked for. Throws what `decodePart` throws, and `snapshot_invalid` with `bad_part` for a part that is not what
   * the manifest calls it.
   */
  take(part: ManifestPart, bytes: Uint8Array): void {
    const content = decodePart(part.kind, bytes, partLabel(part), this.#limits, this.#budget, deferOverBytes);
    const name = nameOfPart(part.kind, content, part.digest);
    if (name !== part.name) {
      throw snapshotInvalid('bad_part', `the part calls itself ${JSON.stringify(name)}`, partLabel(part));
    }
    (this.#byKind[part.kind] as Map<string, typeof content>).set(part.digest, content);
  }

  /** All of it. Throws `snapshot_invalid` with `missing_part` for an agent that refers to a part outside. */
  closed(): ContentsByKind {
    for (const [versionId, agent] of this.#byKind.agent) this.#checkClosed(versionId, agent);
    return this.#byKind;
  }

  #checkClosed(versionId: string, agent: AgentContent): void {
    const missing = (what: string): Error =>
      snapshotInvalid(
        'missing_part',
        `it refers to ${what}, which the snapshot lacks`,
        `agent ${agent.agentId}@${versionId}`,
      );
    const held = this.#byKind;
    if (!held.model.has(agent.model)) throw missing(`the model ${agent.model}`);
    if (!held.tools.has(agent.tools)) throw missing(`the tools ${agent.tools}`);
    if (agent.soul !== undefined && !held.soul.has(agent.soul)) throw missing(`the soul ${agent.soul}`);
    for (const [name, digest] of Object.entries(agent.skills)) {
      if (!held.skill.has(digest)) throw missing(`the skill "${name}" ${digest}`);
    }
    for (const [id, version] of Object.entries(agent.subAgents)) {
      if (held.agent.get(version)?.agentId !== id) throw missing(`the agent "${id}" ${version}`);
    }
  }
}
