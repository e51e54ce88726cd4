import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { blocksOf, type Page } from './pages.ts';

// Pages that say `<!-- run -->` are played as a reader would: all their `sh` blocks, in order, in one folder, against a real Skein.

/** A `sh` block of such a page, with what the page says that it prints. */
export interface Act {
  readonly script: string;
  /** Lines of the `text` block that follows; none when the page shows nothing. */
  readonly shown: readonly string[];
}

/** What pages write where every reader has another value; `page-values.mjs` knows them. */
const placeholders = /\b(?:RUN_ID|DIGEST|EARLIER|PROPOSAL|DEAD_LETTER)\b/g;

/** True for a page whose blocks are run. */
export const isRun = ({ text }: Page): boolean => text.split('\n').includes('<!-- run -->');

/** A block that says this in its first line is for another terminal, or for another machine. */
const elsewhere = /^# (?:in another terminal|elsewhere)/;

/** The blocks to run, in order. */
export const actsOf = (page: Page): readonly Act[] => {
  const blocks = blocksOf(page);
  return blocks.flatMap(({ language, text }, index) => {
    if (language !== 'sh' || elsewhere.test(text)) return [];
    const next = blocks[index + 1];
    return [{ script: text, shown: next?.language === 'text' ? next.text.trimEnd().split('\n') : [] }];
  });
};

/** The block as bash runs it: a placeholder becomes its value when its command comes, not before. */
export const playable = (script: string): string =>
  script.replace(placeholders, (name) => `$(node "$PAGE_VALUES" ${name})`);

const pageValues = fileURLToPath(new URL('page-values.mjs', import.meta.url));

/** Runs a block in bash, where `npx skein` is the built command. Resolves with all that it printed, and its exit code. */
export const runBlock = (
  script: string,
  options: { readonly cwd: string; readonly skeinBin: string; readonly env: NodeJS.ProcessEnv },
): Promise<{ readonly exitCode: number; readonly output: string }> => {
  const npx = `npx() { shift; "${process.execPath}" "${options.skeinBin}" "$@"; }`;
  const child = spawn('bash', ['-eu', '-c', `${npx}\n${playable(script)}`], {
    cwd: options.cwd,
    env: { ...options.env, PAGE_VALUES: pageValues },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ exitCode: code ?? -1, output }));
  });
};

/** The first shown line that was not printed after the one before it; `…` stands for anything, and runs of spaces for each other. */
export const notPrinted = (shown: readonly string[], output: string): string | undefined => {
  const printed = output.split('\n').map((line) => line.trim().replace(/\s+/g, ' '));
  let from = 0;
  for (const line of shown) {
    const wanted = line.trim().replace(/\s+/g, ' ');
    if (wanted === '' || wanted === '…') continue;
    const pattern = new RegExp(`^${wanted.split('…').map(quoted).join('.*')}$`);
    const at = printed.findIndex((each, index) => index >= from && pattern.test(each));
    if (at === -1) return line;
    from = at + 1;
  }
  return undefined;
};

const quoted = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
