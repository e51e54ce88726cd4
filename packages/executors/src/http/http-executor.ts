// Steps that are one HTTP request. Their outputs are `status`, `headers` and `body`.
import { setTimeout as after } from 'node:timers';
import {
  canonicalJson,
  DomainError,
  isDomainError,
  type JsonObject,
  type JsonValue,
  maxOutputsBytes,
  renderValue,
  type StepAction,
  toErrorData,
} from '@skein/domain';
import type { ExecutionContext, ExecutionResult, StepExecutor } from '@skein/ports';
import { StepEnvironment } from '../shell/step-environment.ts';
import { ValueFiles } from '../shell/value-files.ts';
import { type HttpAnswer, type HttpGate, sendRequest } from './send-request.ts';

type HttpAction = Extract<StepAction, { readonly kind: 'http' }>;

/** How long a request may last when its step says nothing, ms. */
const defaultTimeoutMs = 30_000;
/** Bytes of a body that are taken: what fits the outputs of a step beside its headers. */
const maxBodyBytes = maxOutputsBytes / 2;

/** Runs `http` steps: only through the gate, which says where requests may go. */
export const createHttpExecutor = (gate: HttpGate): StepExecutor => ({
  kinds: ['http'],
  execute: async (context, signal) => {
    const { action } = context.offer.definition;
    if (action.kind !== 'http') throw new DomainError('unimplemented', `"${action.kind}" is no request`);
    const deadline = new AbortController();
    const timeoutMs = action.timeoutMs ?? defaultTimeoutMs;
    const late = new DomainError('deadline_exceeded', `there was no whole answer within ${timeoutMs} ms`);
    let hasBegun = false;
    const timer = after(() => deadline.abort(late), timeoutMs);
    try {
      return await run(context, action, gate, AbortSignal.any([signal, deadline.signal]), () => {
        hasBegun = true;
      });
    } catch (thrown) {
      if (signal.aborted) return aborted(signal);
      // What cannot be had before the step begins, such as a secret, charges no attempt.
      if (isDomainError(thrown) && !(thrown.code === 'unavailable' && !hasBegun)) return failed(thrown);
      throw thrown;
    } finally {
      clearTimeout(timer);
    }
  },
});

const run = async (
  context: ExecutionContext,
  action: HttpAction,
  gate: HttpGate,
  signal: AbortSignal,
  onBegin: () => void,
): Promise<ExecutionResult> => {
  const { sink } = context;
  const request = await requestOf(context, action);
  signal.throwIfAborted();
  onBegin();
  sink.started();
  const answer = await sendRequest({ ...request, maxBytes: maxBodyBytes }, gate, signal);
  const origin = new URL(request.url).origin;
  sink.log(Buffer.from(`${request.method} ${origin} ${answer.status}, ${answer.body.length} bytes\n`));
  const { outputs, text } = outputsOf(answer);
  if (isExpected(answer.status, action.expect)) return { outcome: { status: 'succeeded' }, stdout: text, outputs };
  const error = {
    code: 'unprocessable',
    message: `the server answered ${answer.status}`,
    details: { reason: 'http_status', status: answer.status },
  } as const;
  return { outcome: { status: 'failed', error }, stdout: text, outputs };
};

const requestOf = async (context: ExecutionContext, action: HttpAction) => {
  const { offer, inputs, workDir, readSecret } = context;
  const wanted = offer.definition.secrets ?? [];
  const environment = await StepEnvironment.create(new ValueFiles(workDir), {
    base: {},
    inputs,
    declared: offer.definition.env,
    secrets: Object.fromEntries(
      await Promise.all(wanted.map(async ({ env, secret }) => [env, await readSecret(secret)] as const)),
    ),
    fixed: {},
  });
  const headers: { [name: string]: string } = {};
  for (const [name, text] of Object.entries(action.headers)) {
    const value = (await environment.render(text, true)).trim();
    if (/[\0\r\n]|[^\t\x20-\x7e\x80-\xff]/.test(value))
      throw new DomainError('invalid_argument', `the value of the header ${name} cannot be sent`);
    headers[name.toLowerCase()] = value;
  }
  if (action.method !== 'GET' && action.method !== 'HEAD')
    headers['idempotency-key'] ??= `${offer.runId}/${offer.step}/${offer.round ?? 0}`;
  headers['user-agent'] ??= 'skein';
  if (offer.traceparent !== undefined) headers['traceparent'] ??= offer.traceparent;
  let body: string | undefined;
  if (typeof action.body === 'string') body = await environment.render(action.body, true);
  else if (action.body !== undefined) {
    body = canonicalJson(renderValue(action.body, (expression) => valueOf(inputs.refs, expression)));
    headers['content-type'] ??= 'application/json';
  }
  if (body !== undefined) headers['content-length'] = String(Buffer.byteLength(body));
  const url = await environment.render(action.url);
  return { url, method: action.method, headers, ...(body === undefined ? {} : { body }) };
};

const valueOf = (refs: { readonly [expression: string]: JsonValue }, expression: string): JsonValue => {
  const value = Object.hasOwn(refs, expression) ? refs[expression] : undefined;
  if (value !== undefined) return value;
  throw new DomainError('invalid_argument', `the task came without a value for \${${expression}}`);
};

/** JSON where the server says so and it is, else text; bytes that are no text are shown as what replaces them. */
const outputsOf = ({ status, headers, body }: HttpAnswer): { readonly outputs: JsonObject; readonly text: string } => {
  const text = Buffer.from(body).toString('utf8').replaceAll('\0', '\u{fffd}');
  let value: JsonValue = text;
  if (/^application\/(?:[\w.+-]+\+)?json\b/i.test(headers['content-type'] ?? '')) {
    try {
      value = JSON.parse(text) as JsonValue;
    } catch {
      // What says that it is JSON and is not stays text.
    }
  }
  return { outputs: { status, headers: { ...headers }, body: value }, text };
};

const isExpected = (status: number, expect: HttpAction['expect']): boolean =>
  expect === undefined ? status >= 200 && status < 300 : expect.includes(status);

const aborted = (signal: AbortSignal): ExecutionResult => {
  const reason: unknown = signal.reason;
  if (isDomainError(reason) && reason.code === 'deadline_exceeded') return failed(reason);
  return { outcome: { status: 'cancelled' }, outputs: {} };
};

const failed = (error: DomainError): ExecutionResult => ({
  outcome: { status: 'failed', error: toErrorData(error) },
  outputs: {},
});
