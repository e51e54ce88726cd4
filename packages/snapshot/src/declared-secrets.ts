import { type Digest, defaultSnapshotLimits, type Manifest, type PartKind, type VersionId } from '@skein/domain';
import { decodePart } from './part-codec.ts';
import { type PartContents, partLabel, partOfVersion } from './part-content.ts';
import { snapshotInvalid } from './snapshot-error.ts';

/**
 * Names of the secrets that an agent of a snapshot may ask for: those of its model and its tool servers, and of its sub-agents. Empty for an
 * agent, or a version, that the manifest does not list. Throws what `decodePart` throws, and `snapshot_invalid` with `missing_part`.
 */
export const declaredSecrets = (
  parts: ReadonlyMap<Digest, Uint8Array>,
  manifest: Manifest,
  agentId: string,
  versionId: VersionId,
): ReadonlySet<string> => {
  const listed = new Map(manifest.parts.map((part) => [`${part.kind} ${part.digest}`, part]));
  const read = <K extends PartKind>(kind: K, digest: Digest): PartContents[K] => {
    const part = listed.get(`${kind} ${digest}`);
    const label = partLabel(part ?? { kind, name: digest });
    const bytes = parts.get(digest);
    if (part === undefined || bytes === undefined) throw snapshotInvalid('missing_part', 'it is not there', label);
    return decodePart(kind, bytes, label, defaultSnapshotLimits);
  };
  const secrets = new Set<string>();
  if (listed.get(`agent ${versionId}`)?.name !== `${agentId}@${versionId}`) return secrets;
  const versions = new Set<VersionId>([versionId]);
  // The set grows while it is walked.
  for (const version of versions) {
    const agent = read('agent', partOfVersion(version));
    const { secretName } = read('model', agent.model);
    if (secretName !== undefined) secrets.add(secretName);
    for (const server of Object.values(read('tools', agent.tools).servers)) {
      for (const secret of server.secrets) secrets.add(secret);
    }
    for (const sub of Object.values(agent.subAgents)) versions.add(sub);
  }
  return secrets;
};
