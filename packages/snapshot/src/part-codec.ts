import {
  canonicalBytes,
  collidingSkillPath,
  type JsonValue,
  type PartKind,
  type SkillContent,
  type SkillFile,
  type SnapshotLimits,
  skillPathDefect,
} from '@skein/domain';
import { DeferredText, isBase64, peekProperty } from './deferred-text.ts';
import type { JsonBudget } from './json-reader.ts';
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
 * The content of a part, checked and frozen through and through. `label` names it in errors. With `deferOver`, text of more bytes than that
 * is read from `bytes` when someone asks for it: then nobody may change `bytes` any more.
 * Throws `too_large`, and `snapshot_invalid` with the reasons `bad_json`, `bad_part` and `bad_path`.
 */
export const decodePart = <K extends PartKind>(
  kind: K,
  bytes: Uint8Array,
  label: string,
  limits: SnapshotLimits,
  budget: PartBudget = partBudget(limits),
  deferOver: number = Number.POSITIVE_INFINITY,
): PartContents[K] => {
  const limit = partLimit(kind, limits);
  if (bytes.length > limit) throw tooLarge(label, limit, bytes.length);
  const value = readJson(bytes, budget, label, deferOver);
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
  for (const file of skill.files) {
    const defect = skillPathDefect(file.path, limits.maxPathBytes);
    if (defect !== undefined) {
      throw snapshotInvalid('bad_path', `the path ${JSON.stringify(file.path)} ${defect}`, label);
    }
    if (file.encoding === 'base64' && !holdsBase64(file)) {
      throw snapshotInvalid('bad_part', `the content of ${JSON.stringify(file.path)} is not base64`, label);
    }
  }
  const colliding = collidingSkillPath(skill.files.map((file) => file.path));
  if (colliding !== undefined) {
    const message = `${JSON.stringify(colliding)} would overwrite another file on some file systems`;
    throw snapshotInvalid('bad_path', message, label);
  }
};

const holdsBase64 = (file: SkillFile): boolean => {
  const content = peekProperty(file, 'content');
  return content instanceof DeferredText ? content.isBase64() : isBase64(file.content);
};

/** Recursion is safe: the depth was limited while the value was read. */
const deepFreeze = (value: unknown): void => {
  if (typeof value !== 'object' || value === null || value instanceof DeferredText) return;
  if (Array.isArray(value)) for (const item of value) deepFreeze(item);
  else for (const key of Object.keys(value)) deepFreeze(peekProperty(value, key));
  Object.freeze(value);
};
