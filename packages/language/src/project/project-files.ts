import type { Problem } from '@skein/domain';
import type { ProjectFile } from '@skein/ports';
import { decodeText } from '../yaml/decode-text.ts';

/** The files of a project, sorted into what they are. */
export interface ProjectFiles {
  readonly settings: TextFile | undefined;
  readonly dags: readonly TextFile[];
  readonly agents: ReadonlyMap<string, AgentFiles>;
  readonly models: ReadonlyMap<string, TextFile>;
  readonly skills: ReadonlyMap<string, readonly ProjectFile[]>;
  readonly souls: ReadonlyMap<string, TextFile | undefined>;
  /** By scope. */
  readonly memory: ReadonlyMap<string, TextFile>;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** A decoded text file. */
export interface TextFile {
  readonly path: string;
  readonly text: string;
}

/** What one agent folder holds. */
export interface AgentFiles {
  config?: TextFile;
  instructions?: TextFile;
}

const junk = /(?:^|\/)(?:\.DS_Store|Thumbs\.db|desktop\.ini|__pycache__|\.git)(?:\/|$)|\.pyc$|~$/;

/** Sorts files by their path. Files outside the folders of a project are none of its business. */
export const sortFiles = (files: readonly ProjectFile[]): ProjectFiles => {
  const sorted = createEmpty();
  const paths = files.filter(({ path }) => !junk.test(path)).toSorted((a, b) => (a.path < b.path ? -1 : 1));
  for (const file of paths) sortFile(file, sorted);
  return sorted;
};

type Sorted = ReturnType<typeof createEmpty>;

const createEmpty = () => ({
  settings: undefined as TextFile | undefined,
  dags: [] as TextFile[],
  agents: new Map<string, AgentFiles>(),
  models: new Map<string, TextFile>(),
  skills: new Map<string, ProjectFile[]>(),
  souls: new Map<string, TextFile | undefined>(),
  memory: new Map<string, TextFile>(),
  problems: [] as Problem[],
  warnings: [] as Problem[],
});

const sortFile = (file: ProjectFile, sorted: Sorted): void => {
  const [folder, name = '', ...rest] = file.path.split('/');
  if (file.path === 'skein.yaml' || file.path === 'skein.yml')
    withText(file, sorted, (text) => (sorted.settings = text));
  else if (folder === 'dags' && isYaml(file.path)) withText(file, sorted, (text) => sorted.dags.push(text));
  else if (folder === 'agents') sortAgentFile(file, name, rest, sorted);
  else if (folder === 'models' && rest.length === 0 && isYaml(name)) {
    withText(file, sorted, (text) => sorted.models.set(stem(name), text));
  } else if (folder === 'skills' && rest.length > 0) {
    sorted.skills.set(name, [...(sorted.skills.get(name) ?? []), file]);
  } else if (folder === 'souls' && rest.length > 0) sortSoulFile(file, name, rest, sorted);
  else if (folder === 'memory') sortMemoryFile(file, sorted);
  else if (folder === 'skills' || folder === 'souls' || folder === 'models') warnUnused(file, sorted);
};

const sortAgentFile = (file: ProjectFile, id: string, rest: readonly string[], sorted: Sorted): void => {
  if (rest.length === 0) return warnUnused(file, sorted, `agents/${stem(id)}/agent.yaml`);
  const agent = sorted.agents.get(id) ?? {};
  sorted.agents.set(id, agent);
  const name = rest.join('/');
  if (name === 'agent.yaml' || name === 'agent.yml') withText(file, sorted, (text) => (agent.config = text));
  else if (name === 'INSTRUCTIONS.md') withText(file, sorted, (text) => (agent.instructions = text));
  else warnUnused(file, sorted);
};

const sortSoulFile = (file: ProjectFile, id: string, rest: readonly string[], sorted: Sorted): void => {
  if (!sorted.souls.has(id)) sorted.souls.set(id, undefined);
  if (rest.join('/') === 'SOUL.md') withText(file, sorted, (text) => sorted.souls.set(id, text));
  else warnUnused(file, sorted);
};

const sortMemoryFile = (file: ProjectFile, sorted: Sorted): void => {
  const match = /^memory\/(?:(MEMORY)|dags\/([^/]+)|agents\/([^/]+))\.md$/.exec(file.path);
  if (match === null) return warnUnused(file, sorted, 'memory/MEMORY.md, memory/dags/DAG.md or memory/agents/AGENT.md');
  const scope = match[1] !== undefined ? 'global' : match[2] !== undefined ? `dag/${match[2]}` : `agent/${match[3]}`;
  withText(file, sorted, (text) => sorted.memory.set(scope, text));
};

/** Type bits of a symbolic link, where the mode has them. A link could lead anywhere on the machine of whoever applies. */
export const isLink = (file: ProjectFile): boolean => (file.mode & 0o170000) === 0o120000;

const withText = (file: ProjectFile, sorted: Sorted, use: (text: TextFile) => void): void => {
  if (isLink(file)) {
    sorted.problems.push({ message: 'the path is that of a link', file: file.path, expected: 'a file' });
    return;
  }
  const text = decodeText(file.path, file.bytes);
  if (text.ok) use({ path: file.path, text: text.value });
  else sorted.problems.push(text.error);
};

const warnUnused = (file: ProjectFile, sorted: Sorted, suggestion?: string): void => {
  const near = suggestion === undefined ? {} : { suggestion };
  sorted.warnings.push({ message: 'this file is not used', file: file.path, ...near });
};

const isYaml = (path: string): boolean => /\.ya?ml$/.test(path);
const stem = (name: string): string => name.replace(/\.ya?ml$/, '');
