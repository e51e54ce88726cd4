import type { ErrorCode } from '@skein/domain';
import { isDomainError } from '@skein/domain';
import type {
  Clock,
  CoordinatorGateway,
  ExitReport,
  IdSource,
  JoinCredentials,
  LaunchedProcess,
  Log,
  ProcessExit,
  Random,
} from '@skein/ports';
import type { RestartPolicy } from './restart-policy.ts';
import { restartDelayMs } from './restart-policy.ts';
import type { Supervisor } from './supervise-process.ts';
import { superviseProcess } from './supervise-process.ts';

/** Environment variable by which a worker learns the incarnation that its launcher gave it. */
export const incarnationVariable = 'SKEIN_INCARNATION';

/** A worker to keep alive, and whom to tell when it dies. */
export interface SuperviseWorkerOptions {
  readonly name: string;
  /** Starts the worker. The incarnation is new for each start: hand it to the process, and use it as the launch's marker. */
  readonly launch: (incarnation: string) => LaunchedProcess;
  readonly gateway: Pick<CoordinatorGateway, 'reportExit'>;
  readonly credentials: JoinCredentials;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly policy?: RestartPolicy;
  readonly drainMs?: number;
  /** How long a stop still tries to deliver exit reports. Default 2,000. */
  readonly lastReportMs?: number;
}

const reportPolicy: RestartPolicy = { baseMs: 50, factor: 2, maxMs: 2_000, healthyAfterMs: Number.POSITIVE_INFINITY };

/** Answers that no repetition changes. */
const final: ReadonlySet<ErrorCode> = new Set(['invalid_argument', 'permission_denied', 'unimplemented']);

/**
 * Keeps one worker alive. After each end, when nothing of the worker runs any more, it reports the exit to the coordinator,
 * until that is accepted or the supervisor has stopped; the next start does not wait for it.
 */
export const superviseWorker = (options: SuperviseWorkerOptions): Supervisor => {
  const { clock, ids, name, random, log, policy, drainMs, launch } = options;
  const giveUp = new AbortController();
  const reports = new Set<Promise<void>>();
  let incarnation = '';
  const supervisor = superviseProcess({
    name,
    clock,
    random,
    log,
    ...(policy === undefined ? {} : { policy }),
    ...(drainMs === undefined ? {} : { drainMs }),
    launch: () => {
      incarnation = ids.next('lch');
      return launch(incarnation);
    },
    onExit: (exit: ProcessExit) => {
      const report = deliverReport(options, { incarnation, ...exit }, giveUp.signal);
      reports.add(report);
      void report.then(() => reports.delete(report));
    },
  });
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await supervisor.stop();
    const delivered = new AbortController();
    const late = clock.sleep(options.lastReportMs ?? 2_000, delivered.signal).catch(() => undefined);
    await Promise.race([Promise.all(reports), late]);
    delivered.abort();
    giveUp.abort();
  };
  return {
    get pid() {
      return supervisor.pid;
    },
    get starts() {
      return supervisor.starts;
    },
    stop: () => (stopped ??= stop()),
  };
};

/** Never rejects. */
const deliverReport = async (
  options: SuperviseWorkerOptions,
  report: ExitReport,
  giveUp: AbortSignal,
): Promise<void> => {
  const { clock, credentials, gateway, log, name, random } = options;
  for (let failures = 1; !giveUp.aborted; failures++) {
    try {
      await gateway.reportExit(credentials, report);
      return;
    } catch (thrown) {
      const code = isDomainError(thrown) ? thrown.code : 'internal';
      if (failures === 1) log.warn('an exit report was not taken; trying again', { name, code, cause: thrown });
      if (final.has(code)) return;
    }
    await clock.sleep(restartDelayMs(reportPolicy, failures, random.next()), giveUp).catch(() => undefined);
  }
  log.warn('an exit report was given up', { name, incarnation: report.incarnation });
};
