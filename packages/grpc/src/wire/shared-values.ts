import type { ErrorCode, ErrorData, JsonValue, StepPath, TaskRef, ValueRef } from '@skein/domain';
import { errorCodes, parseStepPath } from '@skein/domain';
import type { ErrorData__Output, ErrorData as WireError } from '../generated/skein/worker/v1/ErrorData.ts';
import type { TaskRef__Output, TaskRef as WireTaskRef } from '../generated/skein/worker/v1/TaskRef.ts';
import {
  bad,
  cutText,
  digestField,
  idField,
  integerField,
  isId,
  isRecord,
  jsonObjectField,
  oneOfField,
  presentField,
  textField,
} from './fields.ts';

const codes: ReadonlySet<ErrorCode> = new Set(errorCodes);

/** The wire form of a task's name; copies only the four fields, so that a result can be given. */
export const encodeTaskRef = (task: TaskRef): WireTaskRef => ({
  runId: task.runId,
  step: task.step,
  attempt: task.attempt,
  token: task.token,
});

/** The step of a path field. */
export const stepPathField = (value: unknown, field: string): StepPath => {
  if (typeof value !== 'string' || parseStepPath(value) === undefined) throw bad(field, 'a step path');
  return value;
};

/** A task's name as a peer sent it. */
export const decodeTaskRef = (given: TaskRef__Output | null | undefined, field: string): TaskRef => {
  const task = presentField(given, field);
  const { attempt, runId, step, token } = task;
  if (attempt > 0 && token >= 0 && Number.isSafeInteger(token) && isId(runId) && parseStepPath(step) !== undefined)
    return { runId, step, attempt, token };
  return nameTheFault(task, field);
};

/** The checks one by one, to say which one failed. */
const nameTheFault = (task: TaskRef__Output, field: string): TaskRef => {
  return {
    runId: idField(task.runId, `${field}.run_id`),
    step: stepPathField(task.step, `${field}.step`),
    attempt: integerField(task.attempt, `${field}.attempt`, 1),
    token: integerField(task.token, `${field}.token`),
  };
};

/** The wire form of an error. */
export const encodeErrorData = (error: ErrorData): WireError =>
  error.details === undefined
    ? { code: error.code, message: cutText(error.message) }
    : { code: error.code, message: cutText(error.message), detailsJson: JSON.stringify(error.details) };

/** An error as a peer sent it; its code is of the closed list. */
export const decodeErrorData = (given: ErrorData__Output | null | undefined, field: string): ErrorData => {
  const error = presentField(given, field);
  const code = oneOfField(error.code, `${field}.code`, codes);
  const message = textField(error.message, `${field}.message`);
  if (error.detailsJson === undefined) return { code, message };
  return { code, message, details: jsonObjectField(error.detailsJson, `${field}.details_json`) };
};

/** An error from parsed JSON, or undefined when it is none; for the status trailer. */
export const errorDataOf = (value: JsonValue): ErrorData | undefined => {
  if (!isRecord(value) || typeof value['message'] !== 'string' || !codes.has(value['code'] as ErrorCode))
    return undefined;
  const base = { code: value['code'] as ErrorCode, message: value['message'] };
  const details = value['details'];
  return isRecord(details) ? { ...base, details: details as { [key: string]: JsonValue } } : base;
};

/** A value reference: inline, or by digest. */
export const valueRefField = (value: unknown, field: string): ValueRef => {
  if (!isRecord(value)) throw bad(field, 'a value reference');
  if (Object.hasOwn(value, 'inline')) return { inline: value['inline'] as JsonValue };
  return { digest: digestField(value['digest'], field), bytes: integerField(value['bytes'], field) };
};

/** Value references by name. */
export const valueRefsField = (value: unknown, field: string): { [name: string]: ValueRef } => {
  if (!isRecord(value)) throw bad(field, 'an object of value references');
  for (const key of Object.keys(value)) valueRefField(value[key], field);
  return value as { [name: string]: ValueRef };
};
