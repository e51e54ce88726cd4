import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Copy, DockerfileParser } from 'dockerfile-ast';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Stage {
  readonly name: string;
  readonly from: string;
  readonly instructions: readonly { readonly keyword: string; readonly text: string }[];
}

const readStages = (): readonly Stage[] => {
  const stages: { name: string; from: string; instructions: { keyword: string; text: string }[] }[] = [];
  for (const instruction of DockerfileParser.parse(readFileSync(join(root, 'Dockerfile'), 'utf8')).getInstructions()) {
    const keyword = instruction.getKeyword();
    const flags = instruction instanceof Copy ? instruction.getFlags().map(String) : [];
    const text = [...flags, instruction.getArgumentsContent() ?? ''].join(' ');
    if (keyword === 'FROM') {
      const [from = '', , name = ''] = text.split(/\s+/);
      stages.push({ name, from, instructions: [] });
    } else stages.at(-1)?.instructions.push({ keyword, text });
  }
  return stages;
};

const stages = readStages();
const targets = ['coordinator', 'scheduler', 'worker'];

/** What holds at the end of a stage: its own instructions after those of the stages that it begins with. */
const allOf = (name: string): Stage['instructions'] => {
  const stage = stages.find((each) => each.name === name);
  return stage === undefined ? [] : [...allOf(stage.from), ...stage.instructions];
};

const last = (name: string, keyword: string): string | undefined =>
  allOf(name).findLast((instruction) => instruction.keyword === keyword)?.text;

it('names every stage, and begins with an image whose tag is pinned', () => {
  const arg = /^ARG NODE_IMAGE=(\S+)$/m.exec(readFileSync(join(root, 'Dockerfile'), 'utf8'))?.[1];
  expect(arg).toMatch(/^node:\d+-[a-z-]+$/);
  const names = stages.map(({ name }) => name);
  expect(names.every((name) => name !== '')).toBe(true);
  for (const { name, from } of stages)
    expect([name, from === '${NODE_IMAGE}' || names.indexOf(from) < names.indexOf(name)]).toEqual([name, true]);
  expect(stages.filter(({ from }) => from !== '${NODE_IMAGE}').every(({ from }) => names.includes(from))).toBe(true);
});

it('has a target for each app', () => {
  expect(stages.slice(-targets.length).map(({ name }) => name)).toEqual(targets);
});

it.each(targets)('runs the %s as a user without rights, under an init that passes signals on', (target) => {
  expect(last(target, 'USER')).toBe('node');
  expect(allOf(target).at(-1)?.keyword).toBe('CMD');
  expect(last(target, 'STOPSIGNAL')).toBe('SIGTERM');
  expect(JSON.parse(last(target, 'ENTRYPOINT') ?? '')).toEqual(['tini', '--']);
  const command = JSON.parse(last(target, 'CMD') ?? '') as readonly string[];
  // No shell between the init and the program.
  expect(command[0]).toBe('node');
  expect(allOf(target).some(({ keyword, text }) => keyword === 'ENV' && text.includes('NODE_ENV=production'))).toBe(
    true,
  );
});

it('copies nothing from the context but into stages that are not shipped, and no secret', () => {
  const shipped = new Set(['runtime', ...targets]);
  for (const { name, instructions } of stages) {
    for (const { keyword, text } of instructions) {
      if (keyword === 'COPY' && shipped.has(name)) expect(text).toMatch(/^--from=/);
      expect([name, keyword]).not.toEqual([name, 'ADD']);
      if (keyword === 'ENV' || keyword === 'ARG') expect(text).not.toMatch(/TOKEN|SECRET|PASSWORD|KEY/);
    }
  }
});
