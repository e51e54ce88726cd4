import { createHash } from 'node:crypto';

/** One file of a project. */
export interface BenchFile {
  readonly path: string;
  readonly mode: number;
  readonly bytes: Uint8Array;
}

const words = 'deploy check service error retry team invoice order route model value quiet window report'.split(' ');

/** Text of about so many bytes that compresses like prose; the same for the same seed. */
export const proseOf = (bytes: number, seed: number): string => {
  const lines: string[] = [];
  for (let length = 0, line = 0; length < bytes; line += 1) {
    const digest = createHash('sha256').update(`${seed}:${line}`).digest();
    const text = [...digest.subarray(0, 12)].map((byte) => words[byte % words.length]).join(' ');
    lines.push(`${text} ${digest.toString('hex', 0, 6)}`);
    length += lines.at(-1)?.length ?? 0;
  }
  return lines.join('\n').slice(0, bytes);
};

/** The project of one agent whose skill files make up about so many bytes, in files of at most 64 KiB or one of the whole size. */
export const projectOf = (bytes: number, dags: { readonly [name: string]: string }, whole = false): BenchFile[] => {
  const text = new TextEncoder();
  const file = (path: string, content: string): BenchFile => ({ path, mode: 0o644, bytes: text.encode(content) });
  const piece = whole ? bytes : Math.min(bytes, 64 * 1024);
  const files: BenchFile[] = [];
  const perSkill = 480 * 1024;
  const skills = Math.max(1, Math.ceil(bytes / perSkill));
  for (let skill = 0; skill < skills; skill += 1) {
    const here = Math.min(perSkill, bytes - skill * perSkill);
    files.push(
      file(
        `skills/skill-${skill}/SKILL.md`,
        `---\nname: skill-${skill}\ndescription: Reference texts ${skill}.\n---\nRead the files.\n`,
      ),
    );
    for (let at = 0, part = 0; at < here; at += piece, part += 1)
      files.push(
        file(`skills/skill-${skill}/references/${part}.md`, proseOf(Math.min(piece, here - at), skill * 1_000 + part)),
      );
  }
  files.push(
    file(
      'agents/bench/agent.yaml',
      `model: { provider: offline, model: rules-1 }\nskills: [${Array.from({ length: skills }, (_, index) => `skill-${index}`).join(', ')}]\n`,
    ),
    file('agents/bench/INSTRUCTIONS.md', 'Answer with one word.\n'),
    ...Object.entries(dags).map(([name, dag]) => file(`dags/${name}.yaml`, dag)),
  );
  return files;
};

/** A chain of agent steps. */
export const chainOf = (name: string, steps: number): string =>
  `name: ${name}\nsteps:\n${Array.from(
    { length: steps },
    (_, index) =>
      `  - id: s${index}\n    type: agent\n    agent: bench\n    prompt: "Say done."\n${index > 0 ? `    depends: s${index - 1}\n` : ''}`,
  ).join('')}`;

/** One fan-out over so many items, at most `maxConcurrent` of them at once. */
export const fanoutOf = (name: string, items: number, maxConcurrent: number): string =>
  [
    `name: ${name}`,
    'steps:',
    '  - id: each',
    '    type: agent',
    '    agent: bench',
    '    prompt: "Say done: ${item}"',
    '    foreach:',
    `      items: [${Array.from({ length: items }, (_, index) => index).join(', ')}]`,
    `      max_concurrent: ${maxConcurrent}`,
    '',
  ].join('\n');
