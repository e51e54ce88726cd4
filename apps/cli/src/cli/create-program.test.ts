import { expect, test } from 'vitest';
import { readConfig } from '../config.ts';
import { createCli } from './cli.ts';
import { commandNames, createProgram } from './create-program.ts';

const silent = { write: () => true };
const cli = () =>
  createCli({
    config: readConfig({}, false),
    cwd: '/',
    interactive: false,
    stdout: silent,
    stderr: silent,
    signal: new AbortController().signal,
  });

const namesOf = async (asked?: string): Promise<readonly string[]> =>
  (await createProgram(cli(), '0.0.0', asked)).commands.map((command) => command.name());

test('every command is there when none, or an unknown one, is asked for', async () => {
  expect(await namesOf()).toEqual(commandNames);
  expect(await namesOf('rnus')).toEqual(commandNames);
});

test('a command that is asked for comes with those of its file only, under its name', async () => {
  for (const name of commandNames) {
    const names = await namesOf(name);
    expect(names).toContain(name);
    expect(names.length).toBeLessThanOrEqual(4);
  }
});
