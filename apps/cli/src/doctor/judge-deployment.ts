import type { Dag, WorkerView } from '@skein/domain';
import { safeText } from '../render/format.ts';
import type { Check } from './check.ts';
import type { Look } from './look-at-coordinator.ts';

/** From when on the end of a certificate is told, ms. */
const soonMs = 14 * 86_400_000;

/** Clocks that are so far apart make times in lists and logs hard to read; nothing that Skein decides depends on them. */
const maxClockMs = 2_000;

/** What the doctor knows of a deployment. */
export interface Deployment {
  readonly looks: readonly Look[];
  /** Absent: they could not be listed. */
  readonly workers?: readonly WorkerView[];
  /** Why not. */
  readonly workersError?: string;
  readonly dags: readonly Dag[];
  /** ms since the epoch. */
  readonly now: number;
}

const isLoopback = (url: string): boolean => /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname);

const nameOf = ({ url, readiness }: Look): string => safeText(readiness?.coordinator?.coordinatorId ?? url);

const standings = (looks: readonly Look[]) =>
  looks.flatMap(({ readiness }) => (readiness?.coordinator === undefined ? [] : [readiness.coordinator]));

const reached = (looks: readonly Look[]): readonly Check[] =>
  looks.map(({ url, readiness, error }) =>
    readiness === undefined
      ? {
          name: 'coordinator',
          ok: false,
          detail: `${url}: ${safeText(error ?? 'not reached')}`,
          fix: 'start it, or take its address out of SKEIN_URL; see its log',
        }
      : { name: 'coordinator', ok: true, detail: url },
  );

const ready = (looks: readonly Look[]): readonly Check[] =>
  looks.flatMap((look) => {
    if (look.readiness === undefined) return [];
    const { status, checks } = look.readiness;
    const bad = Object.entries(checks).filter(([, check]) => !check.ok);
    const found = bad.map(([name, { detail }]) => (detail === undefined ? name : `${name} (${safeText(detail)})`));
    const whose = looks.length === 1 ? '' : `${nameOf(look)}: `;
    return [
      {
        name: 'readiness',
        ok: status === 'ready',
        detail: [`${whose}${status}`, ...found].join(' '),
      },
      ...noted(checks['runs']?.detail, /^not driven/, 'runs', whose),
      ...noted(
        checks['queue']?.detail,
        /^away/,
        'queue',
        whose,
        'start Redis, or look at SKEIN_REDIS (docs/queues.md)',
      ),
    ];
  });

const isStoreBad = ({ readiness }: Look): boolean => readiness?.checks['store']?.ok === false;

/** One store is behind all of them: what is wrong with it is said once. */
const store = (looks: readonly Look[]): readonly Check[] => {
  const bad = looks.filter(isStoreBad);
  if (bad.length === 0) return [];
  return [
    {
      name: 'store',
      ok: false,
      detail: `cannot be used by ${bad.map(nameOf).join(', ')}`,
      fix: 'look at the database: is it up, is its disk full? (SKEIN_STORE, docs/operate.md)',
    },
  ];
};

/** A detail that is no failure, and that people should see. */
const noted = (
  detail: string | undefined,
  pattern: RegExp,
  name: string,
  whose: string,
  fix?: string,
): readonly Check[] =>
  detail === undefined || !pattern.test(detail)
    ? []
    : [
        {
          name,
          ok: false,
          optional: true,
          detail: `${whose}${safeText(detail)}`,
          ...(fix === undefined ? {} : { fix }),
        },
      ];

const together = (looks: readonly Look[]): readonly Check[] => {
  const all = standings(looks);
  const others = all.flatMap(({ coordinatorId: by, others: seen }) => seen.map((other) => ({ by, ...other })));
  const ids = new Set([...all, ...others].map(({ coordinatorId }) => coordinatorId));
  if (ids.size < 2) return [];
  const away = others.filter((other) => !other.reached);
  const different = others.filter((other) => !other.sameFacts);
  const strangers = all.flatMap((one) =>
    all
      .filter(({ coordinatorId }) => coordinatorId !== one.coordinatorId)
      .filter(({ coordinatorId }) => !one.others.some((seen) => seen.coordinatorId === coordinatorId))
      .map(({ coordinatorId }) => `${safeText(one.coordinatorId)} does not see ${safeText(coordinatorId)}`),
  );
  return [
    {
      name: 'fleet',
      ok: strangers.length === 0,
      detail: strangers.length === 0 ? `${ids.size} coordinators` : strangers.join(', '),
      fix: 'give all of them the same SKEIN_STORE, and each a SKEIN_COORDINATOR_ID of its own',
    },
    {
      name: 'peers',
      ok: away.length === 0,
      detail:
        away.length === 0
          ? 'all reach one another'
          : away.map(({ by, coordinatorId }) => `${safeText(by)} does not reach ${safeText(coordinatorId)}`).join(', '),
      fix: 'compare SKEIN_PEER, SKEIN_PEER_SECRET and the certificates of the two, and let one dial the other',
    },
    {
      name: 'versions',
      ok: different.length === 0,
      optional: true,
      detail:
        different.length === 0
          ? 'all know the same facts'
          : different
              .map(
                ({ by, coordinatorId }) => `${safeText(by)} and ${safeText(coordinatorId)} are of different versions`,
              )
              .join(', '),
      fix: 'finish the upgrade: what only the newer know is not written before all do',
    },
  ];
};

const clocks = (looks: readonly Look[]): readonly Check[] => {
  const seen = looks.flatMap((look) =>
    look.clockAheadMs === undefined ? [] : [{ look, ahead: look.clockAheadMs, error: (look.roundTripMs ?? 0) / 2 }],
  );
  if (seen.length === 0) return [];
  const wrong = seen.filter(({ ahead, error }) => Math.abs(ahead) - error > maxClockMs);
  const told = (wrong.length === 0 ? seen : wrong).map(
    ({ look, ahead }) => `${nameOf(look)} ${(ahead / 1_000).toFixed(1)} s`,
  );
  return [
    {
      name: 'clocks',
      ok: wrong.length === 0,
      optional: true,
      detail: `ahead of this machine: ${told.join(', ')}`,
      fix: 'let all machines keep the time (chrony, systemd-timesyncd)',
    },
  ];
};

const certificates = (looks: readonly Look[], now: number): readonly Check[] =>
  looks.flatMap((look) => {
    if (look.certificateEnds === undefined) return [];
    const end = look.certificateEnds.getTime();
    const days = Math.floor((end - now) / 86_400_000);
    return [
      {
        name: 'certificate',
        ok: end - now > soonMs,
        optional: end > now,
        detail: `${nameOf(look)}: ${end <= now ? 'expired' : `${days} days left,`} ${look.certificateEnds.toISOString().slice(0, 10)}`,
        fix: 'skein certs issue coordinator NAME --host HOST --out NEW, then put the files in the place of the old ones: they are taken up as they are',
      },
    ];
  });

const insecure = (looks: readonly Look[]): readonly Check[] => {
  const plain = looks.filter(({ url }) => url.startsWith('http:') && !isLoopback(url));
  if (plain.length === 0) return [];
  return [
    {
      name: 'insecure',
      ok: false,
      optional: true,
      detail: `tokens and data travel in the clear to ${plain.map(({ url }) => url).join(', ')}`,
      fix: 'skein certs init, skein certs issue coordinator NAME --host HOST, and SKEIN_TLS_CERT_FILE, SKEIN_TLS_KEY_FILE (docs/tls.md)',
    },
  ];
};

/** What a worker is told beside where its coordinator is: with TLS, whom to trust. */
const authorityFlag = (looks: readonly Look[]): string =>
  looks.some(({ url }) => url.startsWith('https:')) ? ' --ca FILE' : '';

const workersOf = ({ looks, workers, workersError }: Deployment): readonly Check[] => {
  if (workers === undefined) {
    // What follows from the store is no failure of its own.
    const optional = looks.some(isStoreBad);
    return [
      { name: 'workers', ok: false, optional, detail: `cannot be listed: ${safeText(workersError ?? 'no answer')}` },
    ];
  }
  const connected = workers.filter((worker) => worker.state === 'connected');
  const all = standings(looks);
  const spread = all.map(({ coordinatorId, workers: held }) => `${safeText(coordinatorId)} ${held}`).join(', ');
  const held = all.map((each) => each.workers);
  // Each worker goes where the fewest are, so that the numbers differ by one once it is quiet.
  const isEven = Math.max(...held, 0) - Math.min(...held) <= Math.max(2, connected.length / 4);
  return [
    {
      name: 'workers',
      ok: connected.length > 0,
      optional: true,
      detail: `${connected.length} connected${all.length < 2 ? '' : ` (${spread})`}`,
      fix: `skein worker --coordinator HOST:PORT --join-token-file FILE${authorityFlag(looks)}`,
    },
    ...(all.length < 2 || isEven
      ? []
      : [
          {
            name: 'spread',
            ok: false,
            optional: true,
            detail: `workers are not spread evenly: ${spread}`,
            fix: 'give workers all coordinators (SKEIN_COORDINATORS), and coordinators an address that workers reach (SKEIN_ADVERTISE)',
          },
        ]),
  ];
};

const fitsWorker = (selector: { readonly [label: string]: string }, { labels }: WorkerView): boolean =>
  Object.entries(selector).every(([label, value]) => labels[label] === value);

const selectors = ({ dags, looks, workers = [] }: Deployment): readonly Check[] => {
  const ca = authorityFlag(looks);
  const there = workers.filter((worker) => worker.state === 'connected');
  const wanted = new Map<string, Set<string>>();
  for (const { name, steps } of dags) {
    for (const { workerSelector } of steps) {
      if (Object.keys(workerSelector).length === 0 || there.some((worker) => fitsWorker(workerSelector, worker)))
        continue;
      const text = Object.entries(workerSelector)
        .map(([label, value]) => `${label}=${value}`)
        .toSorted()
        .join(',');
      wanted.set(text, (wanted.get(text) ?? new Set()).add(name));
    }
  }
  return [...wanted].map(([labels, names]) => ({
    name: 'labels',
    ok: false,
    optional: true,
    detail: safeText(`no worker has ${labels}, which ${[...names].toSorted().join(', ')} asks for`),
    fix: safeText(`skein worker --labels ${labels}${ca}`),
  }));
};

/** What is well needs no mending. */
const withoutNeedless = ({ fix, ...check }: Check): Check =>
  check.ok || fix === undefined ? check : { ...check, fix };

/** What there is to say of a deployment, in the order in which one would mend it. */
export const judgeDeployment = (deployment: Deployment): readonly Check[] => {
  const { looks, now } = deployment;
  if (looks.every(({ readiness }) => readiness === undefined)) return reached(looks);
  const checks = [
    ...reached(looks),
    ...ready(looks),
    ...store(looks),
    ...together(looks),
    ...certificates(looks, now),
    ...clocks(looks),
    ...insecure(looks),
    ...workersOf(deployment),
    ...selectors(deployment),
  ];
  return checks.map(withoutNeedless);
};
