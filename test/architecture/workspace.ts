import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A TypeScript file; `path` is relative to the repository root with forward slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  readonly isTest: boolean;
  readonly imports: readonly string[];
}

/** A folder with a package.json in packages/ or apps/. */
export interface Workspace {
  readonly kind: 'packages' | 'apps';
  readonly dir: string;
  readonly path: string;
  readonly dependencies: readonly string[];
  readonly devDependencies: readonly string[];
  readonly references: readonly string[];
  /** What others may import, as they name it: `@skein/language`, `@skein/language/problems`. */
  readonly exported: readonly string[];
  readonly files: readonly SourceFile[];
}

interface Manifest {
  readonly name?: string;
  readonly exports?: Record<string, unknown>;
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const skipped = new Set(['node_modules', 'dist', 'generated', 'tmp']);

/** Every package and app, in alphabetical order. */
export function readWorkspaces(): Workspace[] {
  return (['packages', 'apps'] as const).flatMap((kind) =>
    readdirSync(join(root, kind))
      .filter((dir) => existsSync(join(root, kind, dir, 'package.json')))
      .map((dir) => readWorkspace(kind, dir)),
  );
}

/** Every TypeScript file below a folder of the repository, generated ones excepted. */
export function readSources(folder: string): SourceFile[] {
  const absolute = join(root, folder);
  if (!existsSync(absolute)) return [];
  return readdirSync(absolute, { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(absolute, entry.name);
      if (entry.isDirectory()) return skipped.has(entry.name) ? [] : readSources(relative(root, path));
      return /\.tsx?$/.test(entry.name) ? [readSource(path)] : [];
    });
}

/** The specifiers that a module imports or re-exports, statically or by `import('literal')`. */
export function importsOf(text: string): string[] {
  const code = withoutComments(text);
  const patterns = [
    /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm,
    /^\s*import\s*['"]([^'"]+)['"]/gm,
    /\bimport\s*\(\s*['"]([^'"]+)['"]/g,
  ];
  return patterns.flatMap((pattern) => [...code.matchAll(pattern)].map((match) => match[1] ?? ''));
}

/** Blanks out comments, leaving strings alone, so that prose about an import is not taken for one. */
export function withoutComments(text: string): string {
  const token = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return text.replace(token, (found) => (found.startsWith('/') ? found.replace(/[^\n]/g, ' ') : found));
}

function readWorkspace(kind: Workspace['kind'], dir: string): Workspace {
  const path = `${kind}/${dir}`;
  const manifest = readJson(`${path}/package.json`) as Manifest;
  const config = readJson(`${path}/tsconfig.json`) as { references?: { path: string }[] };
  return {
    kind,
    dir,
    path,
    // What is loaded only when it is asked for may be left out of an installation, and is imported all the same.
    dependencies: Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }),
    devDependencies: Object.keys(manifest.devDependencies ?? {}),
    exported: Object.keys(manifest.exports ?? {}).map((path) => `${manifest.name ?? ''}${path.slice(1)}`),
    references: (config.references ?? []).map((reference) => `@skein/${basename(reference.path)}`),
    files: readSources(`${path}/src`),
  };
}

function readSource(path: string): SourceFile {
  const text = readFileSync(path, 'utf8');
  return {
    path: relative(root, path).split(sep).join('/'),
    text,
    lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0),
    isTest: /\.test\.tsx?$/.test(path),
    imports: importsOf(text),
  };
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(root, path), 'utf8'));
}
