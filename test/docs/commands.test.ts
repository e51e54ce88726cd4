import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createCli } from '../../apps/cli/src/cli/cli.ts';
import { createProgram } from '../../apps/cli/src/cli/create-program.ts';
import { readConfig as readCliConfig } from '../../apps/cli/src/config.ts';
import { readConfig as readCoordinatorConfig } from '../../apps/coordinator/src/config.ts';
import { readConfig as readSchedulerConfig } from '../../apps/scheduler/src/config.ts';
import { blocksOf, inlineCodeOf, type Page, pageAt, readPages, root, tableAfter } from './pages.ts';

const pages = readPages().filter(({ path }) => !path.startsWith('packages/'));

const silent = { write: () => true };
const program = await createProgram(
  createCli({
    config: readCliConfig({}, false),
    cwd: root,
    interactive: false,
    stdout: silent,
    stderr: silent,
    signal: new AbortController().signal,
  }),
  '0.0.0',
);

type Command = typeof program;

/** Command lines of a shell block: comments go, continued lines are joined, here-documents are skipped. */
const linesOf = (text: string): readonly string[] =>
  text
    .replace(/<<'?(\w+)'?[^\n]*\n[\s\S]*?\n\1\b/g, '')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim());

const afterSkein = (line: string): string | undefined => /^(?:npx )?skein +(\S.*)$/.exec(line)?.[1];

const commandsOf = (page: Page): readonly string[] =>
  [
    ...blocksOf(page)
      .filter(({ language }) => language === 'sh')
      .flatMap(({ text }) => linesOf(text)),
    ...inlineCodeOf(page),
  ].flatMap((line) => afterSkein(line) ?? []);

const wordsOf = (line: string): string[] =>
  line
    .split(/\s+/)
    .map((word) => word.replace(/^\[+|\]+$/g, ''))
    .filter(Boolean);

const hasOption = (command: Command, word: string): boolean => {
  const flag = word.split('=')[0] ?? '';
  return (
    flag === '--help' || flag === '-h' || command.options.some(({ long, short }) => long === flag || short === flag)
  );
};

/** What is wrong with a command line after `skein`; undefined when nothing is. */
const problemOf = (line: string): string | undefined => {
  const [name = '', ...rest] = wordsOf(line);
  if (/^[A-Z]/.test(name) || name.startsWith('-') || name === 'help') return undefined;
  let command = program.commands.find((each) => each.name() === name);
  if (command === undefined) return `there is no command ${name}`;
  if (name === 'coordinator' || name === 'scheduler') return programProblem(name, rest);
  if (command.commands.length > 0) {
    const inner = command.commands.find((each) => each.name() === rest[0]);
    command = inner ?? command.commands.find((each) => each.name() === 'list') ?? command;
    if (inner !== undefined) rest.shift();
    else if (command.registeredArguments.length === 0 && rest[0] !== undefined && !rest[0].startsWith('-')) {
      return `${name} has no command ${rest[0]}`;
    }
  }
  const unknown = rest.find((word) => /^--?[a-z]/.test(word) && !hasOption(command, word));
  return unknown === undefined ? undefined : `${command.name()} has no option ${unknown}`;
};

/** These two programs read their own flags. */
const programProblem = (name: 'coordinator' | 'scheduler', words: readonly string[]): string | undefined => {
  const read = name === 'coordinator' ? readCoordinatorConfig(words, {}) : readSchedulerConfig(words, {});
  return read.ok ? undefined : read.error.find((problem) => /unknown option|unexpected argument/i.test(problem));
};

test('the check knows right lines from wrong ones', () => {
  const right = [
    'up --project x --workers 4',
    'runs',
    'runs --limit 1',
    'runs show RUN --json',
    'versions activate a v2',
    'COMMAND --help',
  ];
  const wrong = [
    'fly',
    'up --wings',
    'snapshot fold x',
    'runs show RUN --wings',
    'coordinator --wings',
    'scheduler --wings',
  ];
  expect(right.map(problemOf)).toEqual(right.map(() => undefined));
  expect(wrong.filter((line) => problemOf(line) === undefined)).toEqual([]);
});

test('every skein command line of every page names a command and options that exist', () => {
  const problems = pages.flatMap((page) =>
    commandsOf(page).flatMap((line) => {
      const problem = problemOf(line);
      return problem === undefined ? [] : [`${page.path}: skein ${line}: ${problem}`];
    }),
  );
  expect(problems).toEqual([]);
  expect(pages.flatMap(commandsOf).length).toBeGreaterThan(50);
});

test('the table of commands names commands and options that exist, and leaves none out', () => {
  const cells = tableAfter(pageAt('docs/cli.md'), '# The `skein` command').map(([first = '']) => first);
  const lines = cells.flatMap((cell) =>
    cell.includes('`') ? [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '') : [cell],
  );
  expect(lines.flatMap((line) => problemOf(line) ?? [])).toEqual([]);
  const named = new Set(lines.map((line) => wordsOf(line)[0]));
  expect(program.commands.map((command) => command.name()).filter((name) => !named.has(name))).toEqual([]);
});

test('every npm script that a page names is in package.json', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: { [name: string]: string };
  };
  const named = pages.flatMap(({ path, text }) =>
    [...text.matchAll(/npm (?:run (?:-s |--silent )?([\w:-]+)|(test)\b)/g)].map(
      (match) => [path, match[1] ?? match[2] ?? ''] as const,
    ),
  );
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter(([, script]) => !(script in scripts))).toEqual([]);
});

test('every vitest command line names a tier and a path that exist', () => {
  const config = readFileSync(join(root, 'vitest.config.ts'), 'utf8');
  const lines = pages.flatMap((page) =>
    [...page.text.matchAll(/npx vitest run --project (\w+) (\w[\w./-]*)/g)].map(
      (match) => [page.path, match[1], match[2]] as const,
    ),
  );
  const wrong = lines.filter(([, tier, path]) => !config.includes(`name: '${tier}'`) || !existsAt(path ?? ''));
  expect(wrong).toEqual([]);
  expect(lines.length).toBeGreaterThan(5);
});

const existsAt = (path: string): boolean => {
  try {
    readFileSync(join(root, path));
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EISDIR';
  }
};
