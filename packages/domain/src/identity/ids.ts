declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]?: B };

/** `run_` + UUIDv7. */
export type RunId = Branded<string, 'RunId'>;
/** Tenant; `default` unless configured. */
export type TenantId = Branded<string, 'TenantId'>;
/** Id of a step in its DAG: `[A-Za-z0-9][A-Za-z0-9_.-]{0,63}`. */
export type StepId = Branded<string, 'StepId'>;
/** A step, one item of a fan-out, or a handler: `triage`, `triage[3]` (items count from 0), `@exit`. */
export type StepPath = StepId;
/** `wrk_` + UUIDv7, made by the worker process at its start; a restarted process is another worker. */
export type WorkerId = Branded<string, 'WorkerId'>;
/** `ses_` + UUIDv7, made by the coordinator when a stream is welcomed. */
export type SessionId = Branded<string, 'SessionId'>;
/** `sha256:` + 64 lower-case hex digits, of the uncompressed bytes. */
export type Digest = Branded<string, 'Digest'>;
/** The `seq` of the lease fact; rises with every lease of the same run (R2). */
export type FencingToken = Branded<number, 'FencingToken'>;
/** Content digest of an agent version; `v1`, `v2` … are aliases of it. */
export type VersionId = Branded<string, 'VersionId'>;

/** The tenant when none is configured. */
export const defaultTenant: TenantId = 'default';

/** Names of DAGs, agents and step ids. */
export const namePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/** True if the text may name a DAG, an agent or a step. */
export const isName = (text: string): boolean => namePattern.test(text);

const handlerPathPattern = /^@[a-z]{1,16}$/;

const stepPathPattern = /^([A-Za-z0-9][A-Za-z0-9_.-]{0,63})(?:\[(0|[1-9][0-9]{0,6})\])?$/;

/** The path of item `index` (from 0) of a fan-out step. */
export const itemPath = (stepId: StepId, index: number): StepPath => `${stepId}[${index}]`;

/** The step of a path and, for a fan-out item, its index; a handler has none. Undefined when the text is no path. */
export const parseStepPath = (path: string): { readonly stepId: StepId; readonly index?: number } | undefined => {
  if (handlerPathPattern.test(path)) return { stepId: path };
  const match = stepPathPattern.exec(path);
  if (match === null) return undefined;
  const stepId = match[1] as StepId;
  return match[2] === undefined ? { stepId } : { stepId, index: Number(match[2]) };
};
