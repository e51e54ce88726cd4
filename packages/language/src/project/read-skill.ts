import {
  collidingSkillPath,
  defaultSnapshotLimits,
  hasLoneSurrogate,
  type Problem,
  type SkillContent,
  type SkillFile,
  skillPathDefect,
} from '@skein/domain';
import type { ProjectFile } from '@skein/ports';
import type { SourceText } from '../problem/source-text.ts';
import { list } from '../shape/collections.ts';
import { record } from '../shape/record.ts';
import { quoted, text } from '../shape/scalars.ts';
import { byKind, mapped, type Shape, type ValueOf, wrongValue } from '../shape/shape.ts';
import { decodeText } from '../yaml/decode-text.ts';
import type { YamlNode } from '../yaml/yaml-node.ts';
import { readFrontMatter } from './front-matter.ts';
import { isLink } from './project-files.ts';

/** Text within the standard's limits, counted in characters. */
const limited = (max: number, expected: string): Shape<string> => ({
  expected,
  schema: { type: 'string', maxLength: max },
  read: (node, source) => {
    const value = text(expected).read(node, source);
    if (value === undefined || (value.trim() !== '' && (value.length <= max || Array.from(value).length <= max)))
      return value;
    source.report(node, { message: value.trim() === '' ? 'the text is empty' : 'the text is too long', expected });
    return undefined;
  },
});

/** Names of tools with spaces between; other clients also write a list of them. */
const allowedTools: Shape<string> = byKind('names of tools with spaces between', {
  scalar: text('names with spaces between'),
  list: mapped(list(text('the name of a tool')), (names, node, source) => {
    source.warn(node, { message: 'allowed-tools is a list', expected: 'one text, with spaces between' });
    return names.join(' ');
  }),
});

/** The standard's map of texts; a value that is none is left out. */
const metadataShape: Shape<readonly (readonly [string, string])[]> = {
  expected: 'a map of texts',
  schema: { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean'] } },
  read: (node, source) => {
    if (node.kind !== 'map') return wrongValue(node, source, 'a map of texts');
    return node.entries.flatMap(({ key, value }) => {
      if (value.kind === 'scalar') return value.value === null ? [] : [[key, value.source] as const];
      source.warn(value, { message: `metadata ${key} is no text and is left out`, expected: 'text' });
      return [];
    });
  },
};

/**
 * Front matter of the Agent Skills standard. Lenient where it asks clients to be: a missing or other name and unknown fields are warnings.
 * @source https://agentskills.io/specification
 */
const skillRecord = record({
  noun: 'the front matter of a skill',
  fields: {
    name: { shape: text('the name of the folder'), about: 'Name of the skill.' },
    description: {
      shape: limited(1024, 'what the skill does and when to use it, 1 to 1024 characters'),
      about: 'What and when.',
      required: true,
    },
    license: { shape: text(), about: 'Licence.' },
    compatibility: { shape: limited(500, 'text of 1 to 500 characters'), about: 'What the skill needs.' },
    metadata: { shape: metadataShape, about: 'Free data.' },
    'allowed-tools': { shape: allowedTools, about: 'Tools that the skill expects.' },
  },
  lenient: true,
});

/** What reading a skill's folder gave. */
export interface SkillReading {
  readonly skill?: SkillContent;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Reads one skill folder; `files` are all of its files, with paths from the project's root. */
export const readSkill = (id: string, files: readonly ProjectFile[]): SkillReading => {
  const folder = `skills/${id}/`;
  const main = files.find((file) => file.path === `${folder}SKILL.md`);
  if (main === undefined) {
    return {
      problems: [{ message: `skill ${id} has no SKILL.md`, file: `${folder}SKILL.md`, expected: 'this file' }],
      warnings: [],
    };
  }
  const others = files.filter((file) => file !== main);
  if (isLink(main)) return { problems: [{ message: 'the path is that of a link', file: main.path }], warnings: [] };
  const fileProblems = problemsOfFiles(folder, others);
  const decoded = decodeText(main.path, main.bytes);
  if (!decoded.ok) return { problems: [decoded.error, ...fileProblems], warnings: [] };
  const { header, source, body } = readFrontMatter(main.path, decoded.value, true);
  const fields = header === undefined ? undefined : skillRecord.read(header, source);
  if (header !== undefined && fields !== undefined)
    checkName(id, fields.nodes.name ?? header, fields.values.name ?? '', source);
  const problems = [...source.problems, ...fileProblems];
  const description = fields?.values.description;
  if (problems.length > 0 || fields === undefined || description === undefined)
    return { problems, warnings: source.warnings };
  const skill: SkillContent = {
    name: id,
    description,
    body,
    metadata: metadataOf(fields.values),
    files: others.map((file) => toSkillFile(file, folder)).toSorted((a, b) => (a.path < b.path ? -1 : 1)),
  };
  return { skill, problems, warnings: source.warnings };
};

const namePattern = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

/** The folder gives the name and must obey the standard; a `name` that differs from it is only worth a warning. */
const checkName = (id: string, node: YamlNode, name: string, source: SourceText): void => {
  if (!namePattern.test(id) || id.length > 64 || id in Object.prototype) {
    source.report(node, {
      message: `${id} is not a skill name`,
      expected: 'at most 64 of a-z 0-9 and single hyphens between them, as folder name',
    });
  } else if (name !== id) {
    const message = name === '' ? 'the skill has no name of its own' : `name ${quoted(name)} differs from the folder`;
    source.warn(node, { message, expected: id });
  }
};

const metadataOf = (values: ValueOf<typeof skillRecord>['values']): { readonly [key: string]: string } =>
  Object.fromEntries([
    ...(['license', 'compatibility', 'allowed-tools'] as const).flatMap((key) => {
      const value = values[key];
      return value === undefined ? [] : [[key, value] as const];
    }),
    ...(values.metadata ?? []),
  ]);

const problemsOfFiles = (folder: string, files: readonly ProjectFile[]): readonly Problem[] => {
  const paths = files.map((file) => file.path.slice(folder.length));
  const problems: Problem[] = paths.flatMap((path, index) => {
    const file = files[index];
    const defect =
      file !== undefined && isLink(file)
        ? 'is that of a link'
        : skillPathDefect(path, defaultSnapshotLimits.maxPathBytes);
    return defect === undefined ? [] : [{ message: `the path ${defect}`, file: files[index]?.path ?? folder }];
  });
  const twin = collidingSkillPath([...paths].toSorted());
  if (twin !== undefined)
    problems.push({ message: 'another file has this path when letter case is ignored', file: `${folder}${twin}` });
  const limit = defaultSnapshotLimits.maxSkillFiles;
  if (files.length > limit) {
    problems.push({
      message: `the skill has ${files.length} files`,
      file: `${folder}SKILL.md`,
      expected: `at most ${limit}`,
      code: 'too_large',
    });
  }
  return problems;
};

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text where the bytes are text without NUL, else base64. */
const toSkillFile = (file: ProjectFile, folder: string): SkillFile => {
  const path = file.path.slice(folder.length);
  const mode = (file.mode & 0o111) === 0 ? 0o644 : 0o755;
  const content = textOf(file.bytes);
  if (content !== undefined) return { path, mode, encoding: 'utf8', content };
  return { path, mode, encoding: 'base64', content: Buffer.from(file.bytes).toString('base64') };
};

const textOf = (bytes: Uint8Array): string | undefined => {
  if (bytes.includes(0)) return undefined;
  try {
    const content = decoder.decode(bytes);
    return hasLoneSurrogate(content) ? undefined : content;
  } catch {
    return undefined;
  }
};
