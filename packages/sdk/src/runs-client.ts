import type { JsonValue, RunView, StepView } from '@skein/domain';
import type { EffectInfo, StepInfo } from './delivery-wire.ts';
import type { ListAll } from './list-all.ts';
import { listPage, segment, type WirePage } from './list-page.ts';
import { readBytes } from './read-server-events.ts';
import type { Transport } from './transport.ts';
import { watchRun } from './watch-run.ts';
import type { ListPage, ListRunsInput, LogInput, LogPage, RunListItem, SubmitRunInput, WatchedEvent } from './wire.ts';

/** Runs over HTTP. */
export interface RunsClient {
  /** `created` is false when the key, or the fire, had started this run before. Without a key a fresh one is made, so a retry never starts a second run. */
  submit(
    input: SubmitRunInput,
    options?: { readonly idempotencyKey?: string },
  ): Promise<{ readonly run: RunView; readonly created: boolean }>;
  /** With `waitMs` (at most 60,000) the answer comes when the run has ended, or after that time. */
  get(runId: string, options?: { readonly waitMs?: number; readonly signal?: AbortSignal }): Promise<RunView>;
  list(input?: ListRunsInput): Promise<ListPage<RunListItem>>;
  cancel(runId: string, message?: string): Promise<RunView>;
  /**
   * Two calls start two runs; one that the client repeats by itself starts one. Versions that were rolled back meanwhile give way to the
   * active ones, unless `sameVersions` is set; `latest` takes today's DAG and versions. Not both.
   */
  retry(runId: string, options?: { readonly latest?: boolean; readonly sameVersions?: boolean }): Promise<RunView>;
  items(
    runId: string,
    stepId: string,
    options?: { readonly limit?: number; readonly cursor?: string },
  ): Promise<ListPage<StepView>>;
  output(runId: string, step: string, name: string): Promise<JsonValue>;
  /** One step, item or handler with its attempts, turns and tool calls; with `transcript` the texts, inputs and outputs too. */
  step(runId: string, step: string, options?: { readonly transcript?: boolean }): Promise<StepInfo>;
  /** The effect ledger: tool calls that are not read-only, in order of planning. */
  effects(runId: string): Promise<readonly EffectInfo[]>;
  log(runId: string, step: string, input?: LogInput): Promise<LogPage>;
  /** The log as it grows, as bytes, until the attempt has ended. */
  followLog(
    runId: string,
    step: string,
    input?: LogInput & { readonly signal?: AbortSignal },
  ): AsyncIterable<Uint8Array>;
  /** Events until the run has ended; reconnects by itself. What retention removed is one event of type `gap` with `{ from, to }`. */
  watch(
    runId: string,
    options?: { readonly after?: number; readonly signal?: AbortSignal },
  ): AsyncIterable<WatchedEvent>;
}

/** The part of the client that deals with runs. */
export const createRunsClient = (transport: Transport, all: ListAll): RunsClient => {
  const run = (runId: string) => `/api/runs/${segment(runId)}`;
  const step = (runId: string, stepId: string) => `${run(runId)}/steps/${segment(stepId)}`;
  return {
    submit: (input, options = {}) =>
      transport.read(
        {
          method: 'POST',
          path: '/api/runs',
          body: input,
          headers: { 'idempotency-key': options.idempotencyKey ?? crypto.randomUUID() },
          idempotent: true,
        },
        async (response) => ({ run: (await response.json()) as RunView, created: response.status === 201 }),
      ),
    get: (runId, { waitMs, signal } = {}) =>
      transport.json({
        method: 'GET',
        path: run(runId),
        query: { waitMs },
        idempotent: true,
        ...(waitMs === undefined ? {} : { timeoutMs: waitMs + 30_000 }),
        ...(signal === undefined ? {} : { signal }),
      }),
    list: async (input = {}) =>
      listPage(
        await transport.json<WirePage<RunListItem>>({
          method: 'GET',
          path: '/api/runs',
          query: { ...input },
          idempotent: true,
        }),
      ),
    cancel: (runId, message) =>
      transport.json({
        method: 'POST',
        path: `${run(runId)}/cancel`,
        body: message === undefined ? {} : { message },
        idempotent: true,
      }),
    retry: (runId, options = {}) =>
      transport.json({
        method: 'POST',
        path: `${run(runId)}/retry`,
        body: { ...options },
        headers: { 'idempotency-key': crypto.randomUUID() },
        idempotent: true,
      }),
    items: async (runId, stepId, options = {}) =>
      listPage(
        await transport.json<WirePage<StepView>>({
          method: 'GET',
          path: `${step(runId, stepId)}/items`,
          query: { ...options },
          idempotent: true,
        }),
      ),
    output: async (runId, stepId, name) => {
      const path = `${step(runId, stepId)}/outputs/${segment(name)}`;
      return (await transport.json<{ value: JsonValue }>({ method: 'GET', path, idempotent: true })).value;
    },
    step: (runId, stepId, { transcript } = {}) =>
      transport.json({ method: 'GET', path: step(runId, stepId), query: { transcript }, idempotent: true }),
    effects: (runId) => all(`${run(runId)}/effects`),
    log: (runId, stepId, input = {}) =>
      transport.read(
        { method: 'GET', path: `${step(runId, stepId)}/log`, query: { ...input }, idempotent: true },
        async (response) => ({
          attempt: Number(response.headers.get('skein-log-attempt') ?? 0),
          text: await response.text(),
          next: Number(response.headers.get('skein-log-next') ?? 0),
          complete: response.headers.get('skein-log-complete') === 'true',
        }),
      ),
    followLog: (runId, stepId, { signal, ...input } = {}) =>
      followLog(transport, `${step(runId, stepId)}/log`, { ...input }, signal),
    watch: (runId, options) => watchRun(transport, runId, options),
  };
};

async function* followLog(
  transport: Transport,
  path: string,
  query: { readonly [name: string]: number | undefined },
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const response = await transport.send({
    method: 'GET',
    path,
    query: { ...query, follow: true },
    idempotent: true,
    stream: true,
    ...(signal === undefined ? {} : { signal }),
  });
  yield* readBytes(response, signal);
}
