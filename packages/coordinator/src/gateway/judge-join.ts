import type { Result, WorkerInfo } from '@skein/domain';
import { DomainError, err, ok } from '@skein/domain';
import type { CertificateIdentity, WorkerMessage } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import type { WorkerSession } from '../fleet/worker-session.ts';
import type { Identity } from '../token/token-cache.ts';
import { auditWorker } from './audit-worker.ts';

/*
 * Who may join as what.
 *  J1 where certificates are demanded, that of a worker names it: `worker/NAME` may be the worker NAME, or any NAME:… of its processes
 *  J2 a scoped token gives a worker its labels: other ones are refused, but those that it leaves open with `*`
 *  J3 a worker id that is known belongs to the token with which it joined; while its process is alive, to that process
 *  J4 a use of a token is a process that joins by it for the first time; a stream that is opened again counts nothing
 */

type Hello = Extract<WorkerMessage, { readonly type: 'hello' }>;

/** In a scope: the worker may choose the value, or go without the label. */
export const anyValue = '*';

/** Between the name in a certificate and what tells the processes apart that share it. */
const nameSeparator = ':';

/** J1. Undefined: no certificates are demanded. */
export const certificateFits = (certificate: CertificateIdentity | undefined, workerId: string): boolean =>
  certificate === undefined ||
  (certificate.role === 'worker' &&
    (workerId === certificate.name || workerId.startsWith(`${certificate.name}${nameSeparator}`)));

/** J2: the worker's labels under its token, or the name of one that it may not have. */
const labelsUnder = (
  scope: { readonly [name: string]: string } | undefined,
  claimed: { readonly [name: string]: string },
): Result<{ readonly [name: string]: string }, string> => {
  if (scope === undefined) return ok(claimed);
  for (const [name, value] of Object.entries(claimed)) {
    const allowed = Object.hasOwn(scope, name) ? scope[name] : undefined;
    if (allowed !== value && allowed !== anyValue) return err(name);
  }
  const given = Object.entries(scope).filter(([, value]) => value !== anyValue);
  return ok({ ...claimed, ...Object.fromEntries(given) });
};

/** The process that has the worker id answers: nobody else may have it now. */
const isAlive = (session: WorkerSession): boolean => session.link !== undefined && !session.silent;

/**
 * What the worker is, if it may join so: as it says, with the labels of its token. A refusal is audited. Throws nothing.
 * `permission_denied` is for good; `unavailable` when another process has the worker id as yet.
 */
export const judgeJoin = (
  engine: Engine,
  identity: Identity,
  certificate: CertificateIdentity | undefined,
  { worker }: Hello,
): Result<WorkerInfo, DomainError> => {
  const { workerId, incarnation } = worker;
  const refuse = (error: DomainError, reason: string): Result<WorkerInfo, DomainError> => {
    const { tenant, tokenId } = identity;
    const named = certificate === undefined ? {} : { certificate: `${certificate.role}/${certificate.name}` };
    auditWorker(engine, { tenant, workerId, tokenId }, 'hello', error.code, { details: { reason, ...named } });
    return err(error);
  };
  const denied = (message: string, reason: string): Result<WorkerInfo, DomainError> =>
    refuse(new DomainError('permission_denied', message, { workerId, reason }), reason);

  if (!certificateFits(certificate, workerId))
    return denied(`the certificate does not name the worker ${workerId}`, 'certificate');
  const labels = labelsUnder(identity.scope?.labels, worker.labels);
  if (!labels.ok) return denied(`the join token does not allow the label ${labels.error} as it is`, 'labels');
  const known = engine.fleet.ofWorker(workerId);
  if (known !== undefined) {
    if (known.tenant !== identity.tenant) return denied('this worker id belongs to another tenant', 'tenant');
    if (known.tokenId !== '' && known.tokenId !== identity.tokenId)
      return denied('this worker id belongs to another join token', 'token');
    if (isAlive(known) && known.info !== undefined && known.info.incarnation !== incarnation) {
      const error = new DomainError('unavailable', 'another process has this worker id, and is alive', { workerId });
      return refuse(error, 'incarnation');
    }
  }
  return ok(identity.scope?.labels === undefined ? worker : { ...worker, labels: labels.value });
};

/** Whether the join has to be counted before it is let in (J4). */
export const mustCount = (engine: Engine, { scope, tokenId }: Identity, { worker }: Hello): boolean => {
  if (scope?.maxUses === undefined) return false;
  const known = engine.fleet.ofWorker(worker.workerId);
  return known?.info?.incarnation !== worker.incarnation || known.tokenId !== tokenId;
};

/**
 * Counts the use of a limited token (J4). Who joined before, here or at another coordinator, is known by its place. A process whose first
 * join dies between the count and the place is counted twice: fewer may join, never more. Throws `permission_denied`, `unavailable`.
 */
export const countJoin = async (engine: Engine, { tenant, tokenId }: Identity, { worker }: Hello): Promise<void> => {
  const { places, tokens, hasher } = engine.deps;
  const { workerId, incarnation } = worker;
  const mark = `.${hasher.digest(incarnation).slice(-12)}`;
  const place = await places?.read(tenant, workerId);
  if (place?.sessionId.endsWith(mark) === true) return;
  if (!(await tokens.countUse(tenant, tokenId))) {
    auditWorker(engine, { tenant, workerId, tokenId }, 'hello', 'permission_denied', { details: { reason: 'uses' } });
    throw new DomainError('permission_denied', 'the join token was used as often as it may be', {
      workerId,
      reason: 'uses',
    });
  }
  await places?.claim(tenant, workerId, engine.config.coordinatorId, `joined${mark}`);
};
