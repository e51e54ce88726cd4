// Which tests prove which row of the crash matrix: read from the names of the tests, which end with `[crash N]`.
// `node scripts/generate.mjs` writes the table of docs/crash-matrix.md; test/docs/crash-matrix.test.ts holds the page to it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The rows: who, at which point, and what must come of it. `open` says why no test shows it. */
export const rows = [
  [1, 'client', 'killed after it sent a submit, before the answer', 'sent again with its key it is the same run'],
  [2, 'coordinator', 'killed before the commit', 'nothing is visible; the client sees an error'],
  [3, 'coordinator', 'killed after the commit, before the answer', 'visible once; a repetition finds it'],
  [
    4,
    'coordinator',
    'killed after the lease is committed, before the offer',
    'the lease lapses and the step is offered again; no execution is charged',
  ],
  [
    5,
    'coordinator',
    'killed after the offer, before it knows that it arrived',
    'the worker says what it holds; one execution',
  ],
  [6, 'coordinator', 'killed while 1,000 tasks run, back within the lease', 'nothing runs again, nothing is lost'],
  [
    7,
    'coordinator',
    'away for longer than the lease',
    'workers stop by themselves; each step runs once more; late results are refused',
  ],
  [
    8,
    'coordinator',
    'killed after a result is committed, before the worker knows',
    'the worker sends it again; dependants start once',
  ],
  [
    9,
    'coordinator',
    'killed between a result and its dependants',
    'one commit: nobody ever sees the one without the other',
  ],
  [
    10,
    'two coordinators',
    'one is stopped, another takes over, the first goes on',
    'every write of the first is refused',
  ],
  [11, 'worker', 'killed after an offer, before it took it', 'offered again'],
  [12, 'worker', 'cut off after it took a task, before it said so', 'it says so again; one execution'],
  [13, 'worker', 'killed in the middle of a step', 'the next attempt begins elsewhere within a second or so'],
  [
    14,
    'worker',
    'killed after a side effect, before the result',
    'the next attempt knows the recorded effect; it happens once',
  ],
  [15, 'worker', 'cut off with a finished result', 'sent again; taken if the lease still holds, else refused and told'],
  [
    16,
    'worker',
    'stopped past its lease, then goes on',
    'it stops its side effects by itself; late writes are refused',
  ],
  [17, 'worker', 'its code computes for longer than the lease', 'the lease is kept'],
  [
    18,
    'agent',
    'killed with a message read, before the turn is durable',
    'the message is read again, once in the transcript',
  ],
  [19, 'agent', 'the turn is durable, the acknowledgement is lost', 'the message is not read again'],
  [20, 'agent', 'a message for a finished or unknown step', 'refused with a typed error, or ended with an event'],
  [
    21,
    'network',
    'lost, doubled, late messages, partitions, half-open streams',
    'nothing is lost or done twice; noticed within two heartbeats',
  ],
  [
    22,
    'store',
    'disk full, I/O error, locked',
    'nothing is acknowledged that is not on disk; it goes on when the cause is gone',
  ],
  [23, 'store', 'a flipped byte, a torn end', 'found by checksum and said; never read as empty'],
  [
    24,
    'store',
    'power cut',
    'every acknowledged write is there',
    'needs a machine whose power can be cut; the kills of the other rows keep the page cache. Commits are full synchronous writes',
  ],
  [25, 'clock', 'jumps by an hour on either side', 'no effect on leases'],
  [26, 'load', 'one deaf worker among healthy ones', 'the healthy ones notice nothing'],
  [27, 'load', 'a burst of 10,000 messages for one agent', 'flat cost, bounded memory, refusals are told'],
  [28, 'poison', 'a step that always kills its worker', 'given up as a dead letter; the fleet lives on'],
  [29, 'operation', 'drain, rolling restart', 'no new leases; work ends or is handed back uncharged'],
  [30, 'reader', 'a slow or absent reader of events', 'reads on from its cursor; a gap is told'],
];

const tiers = [
  ['.sim.test.ts', 'sim'],
  ['.e2e.test.ts', 'e2e'],
  ['.slow.test.ts', 'slow'],
  ['.int.test.ts', 'int'],
  ['.test.ts', 'unit'],
];

const testsIn = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' || entry.name === 'dist' ? [] : testsIn(path);
    return entry.name.endsWith('.test.ts') || /^describe-.*\.ts$/.test(entry.name) ? [path] : [];
  });

/** Row to the files that prove it, with their tier. */
export const proofs = () => {
  const found = new Map();
  for (const path of ['packages', 'apps', 'test']
    .flatMap((name) => testsIn(join(root, name)))
    .toSorted((a, b) => (a < b ? -1 : 1))) {
    const file = relative(root, path).split(sep).join('/');
    const tier = file.startsWith('test/chaos/')
      ? 'chaos'
      : (tiers.find(([suffix]) => file.endsWith(suffix))?.[1] ?? 'all');
    for (const [, numbers] of readFileSync(path, 'utf8').matchAll(/\[crash ([\d, ]+)\]/g)) {
      for (const number of numbers.split(',').map(Number)) {
        const files = found.get(number) ?? new Map();
        files.set(file, tier);
        found.set(number, files);
      }
    }
  }
  return found;
};

/** The table as Markdown. */
export const table = () => {
  const found = proofs();
  const lines = rows.map(([number, who, when, then, open]) => {
    const files = [...(found.get(number) ?? [])].map(([file, tier]) => `\`${file}\` (${tier})`);
    const shown = files.length > 0 ? files.join('<br>') : `none: ${open ?? 'not yet'}`;
    return `| ${number} | ${who} | ${when} | ${then} | ${shown} |`;
  });
  return ['| # | who | what happens | what must come of it | shown by |', '|---|---|---|---|---|', ...lines].join('\n');
};

export const begin = '<!-- crash matrix: generated by scripts/crash-matrix.mjs -->';
export const end = '<!-- /crash matrix -->';

const write = () => {
  const page = join(root, 'docs/crash-matrix.md');
  const text = readFileSync(page, 'utf8');
  const [before] = text.split(begin);
  const [, after] = text.split(end);
  writeFileSync(page, `${before}${begin}\n\n${table()}\n\n${end}${after}`);
};

if (process.argv[1] !== undefined && /(?:crash-matrix|generate)\.mjs$/.test(pathToFileURL(process.argv[1]).href))
  write();
