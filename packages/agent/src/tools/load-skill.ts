import type { JsonObject, SkillContent, SkillFile } from '@skein/domain';
import type { ToolHost } from '@skein/ports';
import { jailedPath } from './jailed-path.ts';

/**
 * Puts the files of a skill below `skills/NAME/` of the private directory, with their mode bits, and returns what the model sees.
 * Paths are checked again here although the snapshot was: a skill is someone else's text.
 */
export const loadSkill = async (toolHost: ToolHost, root: string, skill: SkillContent): Promise<JsonObject> => {
  const folder = jailedPath(`skills/${skill.name}`);
  const files = skill.files.map((file) => ({ file, path: jailedPath(`${folder}/${jailedPath(file.path)}`) }));
  for (const { file, path } of files) await toolHost.writeFile(root, path, bytesOf(file), file.mode & 0o777);
  return { name: skill.name, body: skill.body, files: files.map(({ path }) => path) };
};

const bytesOf = (file: SkillFile): Uint8Array =>
  file.encoding === 'base64'
    ? Uint8Array.from(atob(file.content), (character) => character.charCodeAt(0))
    : new TextEncoder().encode(file.content);
