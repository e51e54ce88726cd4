// Which tests prove which property of rollouts, and which of the known defects of earlier designs: read from the names of the tests,
// which hold `[g12.N]` and `[defect N]`. `node scripts/generate.mjs` writes the tables of docs/rollout-proof.md; test/docs holds the page to it.
import { pathToFileURL } from 'node:url';
import { proofsOf, shownBy, writeTable } from './named-tests.mjs';

/** Properties. */
export const properties = [
  [1, 'positions are equal in all languages: fixed vectors'],
  [2, 'positions are uniform for sequential, uuid, email and numeric keys'],
  [3, 'two salts are independent'],
  [4, 'segments: cover exactly, right sizes, minimal movement, nobody leaves a growing arm'],
  [5, 'who is in at a weight is in at every larger one'],
  [6, 'the share is right down to 1e-5'],
  [7, 'the decision is pure and total'],
  [8, 'identical versions: false rollbacks stay under alpha, with drift, weight changes and merged replicas'],
  [9, 'the same with clustered and heavy-tailed units, ramps, and failures that arrive first; the mutants fail'],
  [10, 'power: detection sizes near the reference'],
  [11, 'evidence is the same in any order of merging and when it is computed again from the log'],
  [12, 'sample ratio test: false alarms and power'],
  [13, 'of 100 starts at once exactly one wins'],
  [14, 'any interleaving of commands, evaluators and crashes keeps the invariants'],
  [15, 'after a rollback is committed nobody is admitted to the candidate'],
  [16, 'an evaluator that dies stops the ramp, another goes on'],
  [17, 'a scorer that falls silent pauses the rollout'],
  [18, 'fractional weights come back as they were given'],
  [19, 'hostile inputs'],
  [20, 'every defect below has a test or a reason'],
];

/** Defects of one earlier design. The last entry says why one cannot apply here. */
export const defects = [
  [1, 'routing decided before the request context was merged'],
  [2, 'the fix made on one of four paths only'],
  [3, 'an end that is undefined instead of null'],
  [4, 'update and read were two steps'],
  [5, 'another error by backend for the same mistake'],
  [6, 'all scores loaded in one page'],
  [7, 'paging without a bound'],
  [8, 'results with scores from outside the rollout'],
  [9, 'twin columns of times written on create only', 'instants are one column, in ms'],
  [10, 'long change notes', 'about how that project writes its change notes'],
  [11, 'a hash test that could pass by luck'],
  [12, 'empty allocations'],
  [13, 'scores lost when another save failed'],
  [14, 'the store handed out its own record'],
  [15, "the store kept the caller's record"],
  [16, 'dates were shared', 'records hold numbers, no date objects'],
  [17, "arrays of the caller's update were kept"],
  [18, "the caller's end date was kept", 'records hold numbers, no date objects'],
  [19, 'pages counted from 1 outside and from 0 inside'],
  [20, 'new routes missing from the types of the client'],
  [21, 'two active rollouts of one agent'],
  [22, 'the store in memory allowed what the database did not'],
  [23, 'an id could be inserted twice'],
  [24, 'an ended rollout could be ended otherwise'],
  [25, 'a write did not look at the status'],
  [26, 'a column missing from the shared schema'],
  [27, 'scores lost while something was still being bound'],
  [28, 'a rejected promise nobody handled'],
  [29, 'an experiment promoted without a winner being named'],
  [30, 'a bad date became now'],
  [31, 'cancel left a stale cache'],
  [32, 'all meant the first page'],
  [33, 'the unique index could be missing'],
  [34, 'unknown agents were not 404 everywhere'],
  [35, 'no clear answer where versions are not available'],
  [36, 'activating by hand left the rollout running'],
  [37, 'a failure to end the rollout was swallowed'],
  [38, 'candidate and stable could be the same version'],
  [39, 'agents that exist only in code', 'every agent is published before it can run'],
  [40, 'weights below 1 % were impossible'],
  [41, 'agents shared their buckets'],
  [42, 'keys were hashed as UTF-16'],
  [43, 'agent ids were cut out of joined keys'],
  [44, 'no guard after a restart'],
  [45, 'each replica judged by its own window'],
  [46, 'evidence was cleared when an action failed'],
  [47, 'promote was two writes'],
  [48, 'old versions were removed though a rollout named them', 'versions are never removed'],
  [49, 'a failure to create the index was swallowed'],
  [50, 'losing the race of inserts was a storage failure'],
  [51, 'two changes at once lost one'],
  [52, 'no pause, no weight 0, rules fixed'],
  [53, 'requests counted as the largest number of scores'],
  [54, 'minimum and maximum by spreading an array'],
  [55, 'results were gone with the end'],
  [56, 'an absolute threshold rolled back on drift'],
  [57, 'traffic without a routing key was not counted'],
  [58, 'percentages compared as floats'],
];

const rowOf = (found, [number, title, open]) => `| ${number} | ${title} | ${shownBy(found.get(number), open)} |`;

const tableOf = (tag, rows) => {
  const found = proofsOf(tag);
  return ['| # | what | shown by |', '|---|---|---|', ...rows.map((row) => rowOf(found, row))].join('\n');
};

/** @param {string} name @param {string} tag @param {readonly (readonly (number | string)[])[]} rows */
const generated = (name, tag, rows) => ({
  name,
  tag,
  rows,
  begin: `<!-- ${name}: generated by scripts/rollout-proof.mjs -->`,
  end: `<!-- /${name} -->`,
  table: tableOf(tag, rows),
});

/** The two tables: name, tag of the tests, rows, table. */
export const tables = () => [generated('properties', 'g12', properties), generated('defects', 'defect', defects)];

if (process.argv[1] !== undefined && /(?:rollout-proof|generate)\.mjs$/.test(pathToFileURL(process.argv[1]).href)) {
  for (const { begin, end, table } of tables()) writeTable('docs/rollout-proof.md', begin, end, table);
}
