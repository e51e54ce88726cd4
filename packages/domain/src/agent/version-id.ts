import type { TextHasher } from '../hashing/text-hasher.ts';
import type { VersionId } from '../identity/ids.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import type { JsonValue } from '../json/json-value.ts';
import type { AgentContent } from './agent-content.ts';

/** The id of an agent version: the digest of its canonical content, agent id included. Equal content is one version. */
export const versionIdOf = (content: AgentContent, hasher: TextHasher): VersionId =>
  hasher.digest(canonicalJson(content as unknown as JsonValue));
