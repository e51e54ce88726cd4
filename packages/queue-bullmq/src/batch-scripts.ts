import type { RedisClient } from './redis-client.ts';

/*
 * BullMQ moves one job per command. These scripts carry out BullMQ's own ones in a loop, unchanged and by their own arguments, so that a
 * batch of jobs is one command: they know what goes into BullMQ's scripts, not what is in them.
 */

/** The text of a script of BullMQ, as it loaded it into the client. */
const textOf = (client: RedisClient, name: string): string => {
  const scripts = client.scriptsSet as { readonly [name: string]: { readonly lua?: unknown } };
  const loaded = Object.keys(scripts).find((key) => key.startsWith(`${name}:`));
  const text = loaded === undefined ? undefined : scripts[loaded]?.lua;
  if (typeof text !== 'string') throw new Error(`BullMQ has no script ${name}`);
  return text;
};

/** KEYS and the first two of ARGV as `moveToActive` takes them; then token, lock in ms, number of jobs. Gives id, data, id, data, … */
const takeScript = (moveToActive: string): string => `
local take = function(KEYS, ARGV)
${moveToActive}
end
local opts = cmsgpack.pack({ token = ARGV[3], lockDuration = tonumber(ARGV[4]) })
local taken = {}
for index = 1, tonumber(ARGV[5]) do
  local answer = take(KEYS, { ARGV[1], ARGV[2], opts })
  local job = answer[1]
  if type(job) ~= 'table' then break end
  taken[#taken + 1] = answer[2]
  local data = ''
  for at = 1, #job, 2 do
    if job[at] == 'data' then data = job[at + 1] end
  end
  taken[#taken + 1] = data
end
return taken
`;

/**
 * The first 14 KEYS as `moveToFinished` takes them, without the job's, which follow, one per job; ARGV: prefix, time, then id and token of
 * each job. Gives each job's code.
 */
const removeScript = (moveToFinished: string): string => `
local finish = function(KEYS, ARGV)
${moveToFinished}
end
local codes = {}
for index = 1, #KEYS - 14 do
  local keys = {}
  for at = 1, 14 do keys[at] = KEYS[at] end
  keys[12] = KEYS[14 + index]
  local opts = cmsgpack.pack({
    token = ARGV[2 + 2 * index], keepJobs = { count = 0 }, maxMetricsSize = ''
  })
  codes[index] = finish(keys, { ARGV[1 + 2 * index], ARGV[2], 'returnvalue', 'null', 'completed', '0', ARGV[1], opts, '' })
end
return codes
`;

const ofBoth = ['wait', 'active', 'prioritized', 'events', 'stalled', 'limiter', 'delayed', 'paused', 'meta', 'pc'];

/** Keys of `moveToActive`, in its order. */
export const takeKeys: readonly string[] = [...ofBoth, 'marker'];

/** Keys of `moveToFinished`, in its order; the job's, which is the twelfth, is put in by the script. */
export const removeKeys: readonly string[] = [...ofBoth, 'completed', '', 'metrics:completed', 'marker'];

type Script<Answer> = (args: readonly (string | number)[]) => Promise<readonly Answer[]>;

/** Moves of many jobs in one command each. Arguments begin with the number of keys. */
export interface BatchScripts {
  readonly take: Script<string>;
  readonly remove: Script<number>;
}

/** Defines them on a client that BullMQ has loaded its scripts into; throws when it has not got them. */
export const defineBatchScripts = (client: RedisClient): BatchScripts => {
  client.defineCommand('skeinTake', { lua: takeScript(textOf(client, 'moveToActive')) });
  client.defineCommand('skeinRemove', { lua: removeScript(textOf(client, 'moveToFinished')) });
  const commands = client as unknown as {
    readonly skeinTake: Script<string>;
    readonly skeinRemove: Script<number>;
  };
  return { take: (args) => commands.skeinTake([...args]), remove: (args) => commands.skeinRemove([...args]) };
};
