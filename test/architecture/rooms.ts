/** One package: the workspace packages it may import, and whether it may use Node itself or packages from npm. */
export interface Room {
  readonly workspace: readonly string[];
  readonly node: boolean;
  readonly npm: boolean;
}

const pure = { node: false, npm: false };
const verbs = { node: false, npm: true };
const outer = { node: true, npm: true };
const adapter: Room = { workspace: ['domain', 'ports'], ...outer };

/** Who may import whom. A folder in packages/ that is not listed here fails the architecture test. */
export const ROOMS: Readonly<Record<string, Room>> = {
  domain: { workspace: [], ...pure },
  ports: { workspace: ['domain'], ...pure },
  snapshot: { workspace: ['domain', 'ports'], ...outer },
  coordinator: { workspace: ['domain', 'ports', 'snapshot'], ...verbs },
  worker: { workspace: ['domain', 'ports', 'snapshot'], ...verbs },
  agent: { workspace: ['domain', 'ports'], ...verbs },
  executors: adapter,
  grpc: adapter,
  http: { workspace: ['domain', 'ports', 'coordinator'], ...outer },
  'store-sql': adapter,
  'queue-bullmq': adapter,
  tracing: adapter,
  models: adapter,
  telemetry: adapter,
  language: adapter,
  launcher: adapter,
  sdk: { workspace: ['domain', 'language'], ...outer },
  testkit: { workspace: ['domain', 'ports', 'snapshot', 'coordinator', 'worker'], ...outer },
};

/** Tests of any package may import this one; shipped code may not. */
export const TEST_ONLY = 'testkit';

/** Lines per file, over everything that is neither a test nor generated. */
export const LINE_BUDGET = { hard: 400, median: 100, p95: 300 };

/** Names that say nothing about what is inside. */
export const EMPTY_NAMES: readonly string[] = ['utils.ts', 'helpers.ts', 'common.ts', 'types.ts'];
