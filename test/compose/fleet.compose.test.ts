import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../e2e/stack.ts';
import { FleetLoad } from '../fleet/fleet-load.ts';
import { MachinePauses } from '../fleet/machine-pauses.ts';
import { ComposeStack, whyNoEngine } from './compose-stack.ts';

const reason = whyNoEngine();
const isRequired = (process.env['REQUIRE_SERVICES'] ?? '') !== '';
const skipped = reason !== undefined && !isRequired;
if (skipped) console.warn(`\nNO CONTAINERS WERE TRIED, because there is no engine for them: ${reason}\n`);

const patienceMs = 120_000;
const steps = ['a', 'b', 'c'];

/** Each step says when it begins and when it ends, and which attempt it is. */
const chain = `name: chain
steps:
${steps
  .map((id, place) => {
    const say = (what: string) => `echo "${what} $SKEIN_RUN_ID ${id} $SKEIN_ATTEMPT" >> /evidence/chain`;
    const depends = place === 0 ? '' : `depends: ${steps[place - 1]}, `;
    return `  - { id: ${id}, ${depends}script: '${say('begin')}; sleep 0.${3 + place}; ${say('end')}' }`;
  })
  .join('\n')}
`;

let stack: ComposeStack;
let load: FleetLoad | undefined;

/** A machine that stands still for half of a lease may let one lapse. */
const pauses = new MachinePauses(3_000);

beforeAll(async () => {
  if (skipped) return;
  if (reason !== undefined) throw new Error(`REQUIRE_SERVICES is set, and there is no container engine: ${reason}`);
  stack = await ComposeStack.create();
  try {
    // Images of an earlier time are good enough for somebody who changes these tests.
    if (process.env['COMPOSE_TEST_NO_BUILD'] === undefined) await stack.compose('build');
    await stack.up(2);
  } catch (error) {
    console.error(await stack.logs());
    await stack.down().catch((failed: unknown) => console.error(failed));
    throw error;
  }
}, 10 * patienceMs);

afterAll(async () => {
  pauses.stop();
  if (stack === undefined) return;
  if (existsSync(stack.folder)) await stack.down();
}, patienceMs);

/** Says what the services said when a test fails, and lets the next one begin without its load. */
const looked = (body: () => Promise<void>) => async (): Promise<void> => {
  try {
    await body();
  } catch (error) {
    console.error(await stack.logs());
    await stack.compose('unpause', 'coordinator-2').catch(() => undefined);
    throw error;
  } finally {
    load?.end();
    load = undefined;
  }
};

const lines = (): readonly string[] => {
  const path = join(stack.folder, 'chain');
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
};

const countOf = (all: readonly string[]): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const each of all) counts.set(each, (counts.get(each) ?? 0) + 1);
  return counts;
};

/**
 * Every run ended well, no completion is recorded twice, and for each that is recorded the step itself says that it got to its end: once for
 * the lease that completed, and at most once for an earlier lease of the same attempt, whose worker was cut off before it could say that it
 * had begun.
 */
const expectNothingLost = async (runs: FleetLoad['runs']): Promise<void> => {
  expect(runs.filter(({ status }) => status !== 'succeeded')).toEqual([]);
  const ends = countOf(lines().filter((line) => line.startsWith('end ')));
  const wrong: string[] = [];
  for (const { runId } of runs) {
    const completed: string[] = [];
    const leased: string[] = [];
    const attempts: string[] = [];
    for await (const { type, data } of stack.client.runs.watch(runId)) {
      if (type !== 'step_leased' && type !== 'step_finished') continue;
      const { step, attempt } = data as { readonly step: string; readonly attempt: number };
      (type === 'step_leased' ? leased : attempts).push(`${step} ${attempt}`);
      if (type === 'step_finished') completed.push(step);
    }
    const leases = countOf(leased);
    for (const attempt of attempts) {
      const proofs = ends.get(`end ${runId} ${attempt}`) ?? 0;
      const most = leases.get(attempt) ?? 0;
      if (proofs < 1 || proofs > most) wrong.push(`${runId} ${attempt}: ended ${proofs} times under ${most} leases`);
    }
    if (completed.toSorted().join() !== steps.join()) wrong.push(`${runId}: completed ${completed.join()}`);
  }
  expect(wrong).toEqual([]);
};

test.skipIf(skipped)(
  'runs the release notes of a repository, applied and begun from inside, looked at from outside',
  looked(async () => {
    const commits =
      'git init -q -b main /evidence/repo && cd /evidence/repo && git config user.name A && git config user.email a@b.c';
    const loop = 'for n in 1 2 3 4 5 6; do git commit -q --allow-empty -m "Change $n of the house"; done';
    await stack.compose('exec', '-T', 'worker', 'sh', '-c', `${commits} && ${loop}`);
    await stack.cli('apply', 'examples/release-notes', '--activate');
    const begun = JSON.parse(
      await stack.cli(
        'run',
        'release-notes',
        'repo=/evidence/repo',
        'last=6',
        'chunk_size=2',
        '--idempotency-key',
        'notes',
        '--json',
      ),
    ) as { readonly runId: string };
    const end = async (): Promise<string | undefined> => {
      const { status } = await stack.client.runs.get(begun.runId, { waitMs: 30_000 });
      return status === 'running' || status === 'queued' ? undefined : status;
    };
    expect(await eventually('the run ends', end, patienceMs)).toBe('succeeded');
    const seen = JSON.parse(await stack.hostCli('runs', '--json')) as {
      readonly items: readonly { readonly runId: string }[];
    };
    expect(seen.items.map(({ runId }) => runId)).toContain(begun.runId);
  }),
  2 * patienceMs,
);

test.skipIf(skipped)('gives the scheduler a token that starts runs and no more', async () => {
  const token = (await stack.compose('exec', '-T', 'scheduler', 'cat', '/secrets/scheduler/token')).trim();
  const scheduler = stack.clientOf(token);
  expect(await scheduler.schedules.list()).toEqual([]);
  await expect(scheduler.tokens.list()).rejects.toMatchObject({ code: 'permission_denied' });
});

test.skipIf(skipped)(
  'goes from 2 to 8 workers and back under load: nothing is lost, and no step begins twice',
  looked(async () => {
    const project = join(stack.folder, 'project');
    mkdirSync(join(project, 'dags'), { recursive: true });
    writeFileSync(join(project, 'dags/chain.yaml'), chain);
    await stack.hostCli('apply', project);
    const people = new FleetLoad(() => stack.client, 'chain', 8);
    load = people;
    await eventually('runs finish', () => people.runs.length >= 4, patienceMs);
    await stack.scale(8);
    await stack.connected(8, patienceMs);
    const before = people.runs.length;
    await eventually('runs finish on more workers', () => people.runs.length >= before + 8, patienceMs);
    await stack.scale(2);
    await stack.connected(2, patienceMs);
    await people.stop();
    expect(people.errors).toEqual([]);
    await expectNothingLost(people.runs);
    const begins = countOf(
      lines().flatMap((line) => (line.startsWith('begin ') ? [line.split(' ').slice(0, 3).join(' ')] : [])),
    );
    const repeated = [...begins].filter(([, count]) => count !== 1);
    if (pauses.pauses.length === 0) expect(repeated).toEqual([]);
    else console.log('the machine stood still meanwhile:', pauses.pauses, 'repeated:', repeated);
    console.log(`scaled 2, 8, 2 workers under ${people.runs.length} runs`);
  }),
  3 * patienceMs,
);

test.skipIf(skipped)(
  'kill -9 of each kind of container, one that is paused, one that is cut off: all runs end, each completion is recorded once',
  looked(async () => {
    await stack.scale(3);
    await stack.connected(3, patienceMs);
    const people = new FleetLoad(() => stack.client, 'chain', 6);
    load = people;
    const onward = async (what: string): Promise<void> => {
      const seen = people.runs.length;
      await eventually(`runs finish ${what}`, () => people.runs.length >= seen + 6, patienceMs);
    };
    await onward('before all that');
    for (const service of ['coordinator-1', 'redis', 'postgres']) {
      await stack.compose('kill', '--signal', 'KILL', service);
      if (service !== 'postgres') await onward(`without ${service}`);
      await stack.compose('start', service);
      await onward(`after ${service} was killed`);
    }
    const [killed, cut] = await stack.containers('worker');
    if (killed === undefined || cut === undefined) throw new Error('there are no workers');
    await stack.docker('kill', '--signal', 'KILL', killed.id);
    await onward('without a worker');
    await stack.scale(3);
    await stack.compose('pause', 'coordinator-2');
    await onward('beside a coordinator that is paused');
    await stack.compose('unpause', 'coordinator-2');
    const [network] = await stack.networks(cut);
    if (network === undefined) throw new Error('the worker is in no network');
    await stack.docker('network', 'disconnect', network, cut.id);
    await onward('while a worker is cut off');
    await stack.docker('network', 'connect', network, cut.id);
    await stack.connected(3, patienceMs);
    await people.stop();
    await expectNothingLost(people.runs);
    console.log(`killed, paused and cut off containers under ${people.runs.length} runs`);
  }),
  5 * patienceMs,
);

test.skipIf(skipped)('keeps the image of a worker under 250 MB over its base', async () => {
  const size = async (image: string): Promise<number> =>
    Number(await stack.docker('image', 'inspect', '--format', '{{.Size}}', image));
  const base = /^ARG NODE_IMAGE=(\S+)$/m.exec(readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8'))?.[1];
  const over = (await size('skein-worker:compose-test')) - (await size(base ?? ''));
  console.log(`the image of a worker is ${Math.round(over / 1e6)} MB over ${base}`);
  expect(over).toBeLessThan(250e6);
});

test.skipIf(skipped)(
  'leaves nothing behind',
  async () => {
    await stack.down();
    const filter = ['--quiet', '--filter', stack.filter];
    expect(await stack.docker('ps', '--all', ...filter)).toBe('');
    expect(await stack.docker('volume', 'ls', ...filter)).toBe('');
  },
  patienceMs,
);
