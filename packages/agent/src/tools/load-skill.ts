import type { Digest, JsonObject, SkillFile } from '@skein/domain';
import type { ToolHost } from '@skein/ports';
import type { HeldSkill } from '../attempt/open-session.ts';
import { jailedPath } from './jailed-path.ts';

/** Where the skills of an attempt go. */
export interface SkillPlaces {
  readonly toolHost: ToolHost;
  readonly root: string;
  /** Folders that hold a skill already, with its digest. */
  readonly skillFolders: Map<string, Digest>;
  /** Names of what this conversation has loaded. */
  readonly loadedSkills: Set<string>;
}

/**
 * Puts the files of a skill below `skills/NAME/` of the private directory, read-only and with their execute bits, and returns what the
 * model sees; a second load in one conversation only says so. Paths are checked again here although the snapshot was: a skill is
 * someone else's text. They are removed with the directory.
 */
export const loadSkill = async (places: SkillPlaces, { digest, content }: HeldSkill): Promise<JsonObject> => {
  const { toolHost, root, skillFolders, loadedSkills } = places;
  const { name, body } = content;
  const directory = folderFor(skillFolders, name, digest);
  if (loadedSkills.has(name)) return { name, directory, note: 'This skill is loaded already; its text is further up.' };
  const files = content.files.map((file) => ({ file, path: jailedPath(`${directory}/${jailedPath(file.path)}`) }));
  if (!skillFolders.has(directory)) {
    for (const { file, path } of files) await toolHost.writeFile(root, path, bytesOf(file), file.mode & 0o555);
    skillFolders.set(directory, digest);
  }
  loadedSkills.add(name);
  return { name, directory, body, files: files.map(({ path }) => path) };
};

/** Agents of one attempt may have different skills of one name. */
const folderFor = (held: ReadonlyMap<string, Digest>, name: string, digest: Digest): string => {
  const first = jailedPath(`skills/${name}`);
  for (let copy = 1; ; copy += 1) {
    const folder = copy === 1 ? first : `${first}.${copy}`;
    const holder = held.get(folder);
    if (holder === undefined || holder === digest) return folder;
  }
};

const bytesOf = (file: SkillFile): Uint8Array =>
  file.encoding === 'base64'
    ? Uint8Array.from(atob(file.content), (character) => character.charCodeAt(0))
    : new TextEncoder().encode(file.content);
