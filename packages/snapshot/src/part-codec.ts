import {
  canonicalBytes,
  collidingSkillPath,
  type JsonValue,
  type PartKind,
  type SkillContent,
  type SnapshotLimits,
  skillPathDefect,
} from '@skein/domain';
import type { JsonBudget } from './json-scanner.ts';
import type { PartContents } from './part-content.ts';
import { partShapeDefect } from './part-shape.ts';
import { readJson } from './read-json.ts';
import { snapshotInvalid, tooLarge } from './snapshot-error.ts';

/** The bytes of a part: canonical JSON, a skill's files sorted by path. Throws `invalid_argument` for what JSON cannot hold. */
export const encodePart = <K extends PartKind>(kind: K, content: PartContents[K]): Uint8Array =>
  canonicalBytes((kind === 'skill' ? withSortedFiles(content as SkillContent) : content) as unknown as JsonValue);

const withSortedFiles = (skill: SkillContent): SkillContent => ({
  ...skill,
  files: [...skill.files].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0)),
});

/** What one snapshot may still use up while its parts are read, one after the other. */
export interface PartBudget extends JsonBudget {
  skillFiles: number;
}

/** A fresh budget for all parts of one snapshot. */
export const partBudget = (limits: SnapshotLimits): PartBudget => ({
  maxDepth: limits.maxJsonDepth,
  nodes: limits.maxJsonNodes,
  skillFiles: limits.maxSkillFiles,
});

/** Largest part of this kind, in bytes. */
export const partLimit = (kind: PartKind, limits: SnapshotLimits): number =>
  kind === 'skill' ? limits.maxPartBytes : Math.min(limits.maxJsonPartBytes, limits.maxPartBytes);

/**
 * The content of a part, checked and frozen through and through. `label` names it in errors.
 * Throws `too_large`, and `snapshot_invalid` with the reasons `bad_json`, `bad_part` and `bad_path`.
 */
export const decodePart = <K extends PartKind>(
  kind: K,
  bytes: Uint8Array,
  label: string,
  limits: SnapshotLimits,
  budget: PartBudget = partBudget(limits),
): PartContents[K] => {
  const limit = partLimit(kind, limits);
  if (bytes.length > limit) throw tooLarge(label, limit, bytes.length);
  const value = readJson(bytes, budget, label);
  const defect = partShapeDefect(kind, value);
  if (defect !== undefined) throw snapshotInvalid('bad_part', defect, label);
  if (kind === 'skill') checkFiles(value as unknown as SkillContent, label, limits, budget);
  deepFreeze(value);
  return value as unknown as PartContents[K];
};

const checkFiles = (skill: SkillContent, label: string, limits: SnapshotLimits, budget: PartBudget): void => {
  budget.skillFiles -= skill.files.length;
  if (budget.skillFiles < 0) {
    throw tooLarge(`skills, with ${label}`, limits.maxSkillFiles, limits.maxSkillFiles - budget.skillFiles, 'files');
  }
  for (const { path, encoding, content } of skill.files) {
    const defect = skillPathDefect(path, limits.maxPathBytes);
    if (defect !== undefined) throw snapshotInvalid('bad_path', `the path ${JSON.stringify(path)} ${defect}`, label);
    if (encoding === 'base64' && !base64.test(content)) {
      throw snapshotInvalid('bad_part', `the content of ${JSON.stringify(path)} is not base64`, label);
    }
  }
  const colliding = collidingSkillPath(skill.files.map((file) => file.path));
  if (colliding !== undefined) {
    const message = `${JSON.stringify(colliding)} would overwrite another file on some file systems`;
    throw snapshotInvalid('bad_path', message, label);
  }
};

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Recursion is safe: the depth was limited before the value was parsed. */
const deepFreeze = (value: JsonValue): void => {
  if (typeof value !== 'object' || value === null) return;
  for (const inner of Array.isArray(value) ? value : Object.values(value)) deepFreeze(inner);
  Object.freeze(value);
};
