import {
  type AgentContent,
  type Digest,
  defaultSnapshotLimits,
  type ManifestPart,
  type ModelContent,
  type PartKind,
  type SkillContent,
  type SnapshotAttachment,
  type SoulContent,
  type ToolsContent,
  type VersionId,
} from '@skein/domain';
import {
  encodeEnvelope,
  encodePart,
  type MemoryContent,
  makeManifest,
  manifestBytes,
  type PartContents,
} from '@skein/snapshot';
import { createNodeHasher } from '@skein/testkit';

/** An agent by value, as a test writes it. */
export interface AgentSketch {
  readonly agentId: string;
  readonly instructions: string;
  readonly model: ModelContent;
  readonly soul?: SoulContent;
  readonly skills?: readonly SkillContent[];
  readonly tools?: Partial<ToolsContent>;
  readonly memory?: readonly MemoryContent[];
}

/** A snapshot of one agent, sealed and whole, with the agent's version. */
export const sealAgent = (
  sketch: AgentSketch,
): { readonly versionId: VersionId; readonly snapshot: SnapshotAttachment } => {
  const hasher = createNodeHasher();
  const bytes = new Map<Digest, Uint8Array>();
  const parts: ManifestPart[] = [];
  const add = <K extends PartKind>(kind: K, content: PartContents[K], name: (digest: Digest) => string): Digest => {
    const encoded = encodePart(kind, content);
    const digest = hasher.digest(encoded);
    bytes.set(digest, encoded);
    parts.push({ kind, name: name(digest), size: encoded.length, digest, askedBy: ['test/ask'] });
    return digest;
  };
  const { agentId, instructions, model, soul, skills = [], memory = [] } = sketch;
  const content: AgentContent = {
    agentId,
    description: 'An agent.',
    instructions,
    model: add('model', model, () => model.id),
    ...(soul === undefined ? {} : { soul: add('soul', soul, () => soul.id) }),
    skills: Object.fromEntries(skills.map((skill) => [skill.name, add('skill', skill, () => skill.name)])),
    tools: add('tools', { allow: [], bash: { allow: [], deny: [] }, servers: {}, ...sketch.tools }, () => 'tools'),
    limits: {},
    subAgents: {},
  };
  for (const view of memory) add('memory', view, () => view.scope);
  const versionId = add('agent', content, (digest) => `${agentId}@${digest}`) as string as VersionId;
  const manifest = makeManifest(parts);
  const envelope = encodeEnvelope(manifest, bytes, defaultSnapshotLimits);
  return { versionId, snapshot: { digest: hasher.digest(manifestBytes(manifest)), envelope } };
};
