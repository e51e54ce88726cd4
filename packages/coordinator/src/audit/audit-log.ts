import type { JsonObject, TenantId } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { AuditEntry, AuditStore, Clock, IdSource, Log, Meter } from '@skein/ports';
import { metric } from '../engine/metric-names.ts';
import { RefusalBounds } from './refusal-bounds.ts';

/** What is to be written of one thing that somebody did. Never a secret value (S3). */
export interface AuditNote {
  readonly tenant: TenantId;
  readonly actor: AuditEntry['actor'];
  readonly action: string;
  readonly target?: string;
  /** `done`, or the code of the error. */
  readonly outcome: string;
  readonly details?: JsonObject;
}

/** Settings of the audit log; times in ms. */
export interface AuditConfig {
  /** How long entries are gathered before they are written together. */
  readonly flushMs: number;
  /** Entries that may wait to be written; while so many wait, nothing that must be audited begins. */
  readonly maxWaiting: number;
  /** How long a write waits for room before it is refused. */
  readonly waitMs: number;
  /** How long entries are kept; 0: for ever. */
  readonly retentionMs: number;
}

/** Defaults of `AuditConfig`. */
export const defaultAuditConfig: AuditConfig = {
  flushMs: 100,
  maxWaiting: 10_000,
  waitMs: 10_000,
  retentionMs: 365 * 86_400_000,
};

/** Pause after a failed write of entries, ms. */
const pauseMs = 1_000;
/** Entries in one write. */
const perWrite = 500;
/** Tries of the last write of a coordinator that stops. */
const lastTries = 3;

interface AuditDeps {
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
  readonly meter: Meter;
  readonly audit?: AuditStore;
}

/**
 * Gathers entries and writes them in batches. What must not be lost takes a place with `open` before it begins, and waits while there is
 * none; refusals are bounded and never wait. Entries that wait are lost only with the process.
 */
export class AuditLog {
  readonly #deps: AuditDeps;
  readonly #config: AuditConfig;
  readonly #bounds: RefusalBounds;
  #waiting: AuditEntry[] = [];
  /** Entries of the write under way. */
  #writing = 0;
  /** Places that were taken and have no entry yet. */
  #open = 0;
  #queue: (() => void)[] = [];
  #cancel: (() => void) | undefined;
  #flight: Promise<void> | undefined;
  #isFailing = false;
  #isClosed = false;

  constructor(deps: AuditDeps, config: AuditConfig = defaultAuditConfig) {
    this.#deps = deps;
    this.#config = config;
    this.#bounds = new RefusalBounds(deps.clock);
  }

  /**
   * Takes a place for one entry; what it returns writes the entry, once, and never waits. Throws `unavailable` when there was no room for
   * `waitMs`: nothing may be done then.
   */
  async open(): Promise<(note: AuditNote) => void> {
    if (this.#deps.audit !== undefined && this.#used >= this.#config.maxWaiting) await this.#waitForRoom();
    else this.#open += 1;
    let isOpen = true;
    return (note) => {
      if (!isOpen) return;
      isOpen = false;
      this.#open -= 1;
      this.#add(note);
    };
  }

  /** Something that was refused; never waits, and whoever is refused over and over is written down only so often. */
  refused(note: AuditNote): void {
    const suppressed = this.#bounds.take(`${note.tenant}/${note.actor.kind}/${note.actor.id}`);
    if (suppressed === undefined || 2 * this.#used >= this.#config.maxWaiting) {
      this.#deps.meter.count(metric.auditSuppressed);
      return;
    }
    this.#add(suppressed === 0 ? note : { ...note, details: { ...note.details, suppressed } });
  }

  /** Writes what waits. Resolves when all that was there at the call is durable, or was tried. */
  async flush(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    await this.#flight;
    if (this.#waiting.length > 0) await this.#write();
  }

  /** Writes the rest and takes nothing more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (let tries = 1; tries <= lastTries && this.#waiting.length + this.#writing > 0; tries += 1) await this.flush();
    if (this.#waiting.length > 0) {
      this.#deps.log.error('audit entries could not be written', { entries: this.#waiting.length });
      this.#deps.meter.count(metric.auditLost, this.#waiting.length);
      this.#waiting = [];
    }
    this.#cancel?.();
    this.#wake();
  }

  get #used(): number {
    return this.#waiting.length + this.#writing + this.#open;
  }

  /** Takes a place as soon as there is one. */
  async #waitForRoom(): Promise<void> {
    const { clock, log, meter } = this.#deps;
    meter.count(metric.auditFull);
    log.warn('the audit log is full: writes wait', { entries: this.#used });
    const until = clock.monotonicMs() + this.#config.waitMs;
    while (this.#used >= this.#config.maxWaiting) {
      const left = until - clock.monotonicMs();
      if (left <= 0 || this.#isClosed) {
        throw new DomainError('unavailable', 'the audit log cannot be written now', { reason: 'audit' });
      }
      await new Promise<void>((resolve) => {
        const cancel = clock.after(left, resolve);
        this.#queue.push(() => {
          cancel();
          resolve();
        });
      });
    }
    this.#open += 1;
  }

  #add(note: AuditNote): void {
    const { audit, clock, ids, meter } = this.#deps;
    if (audit === undefined) return;
    meter.count(metric.auditEntries, 1, { outcome: note.outcome === 'done' ? 'done' : 'refused' });
    this.#waiting.push({ ...note, id: ids.next('aud'), at: clock.now() });
    this.#plan(this.#config.flushMs);
  }

  #plan(ms: number): void {
    if (this.#cancel !== undefined || this.#flight !== undefined) return;
    this.#cancel = this.#deps.clock.after(ms, () => {
      this.#cancel = undefined;
      void this.#write();
    });
  }

  #write(): Promise<void> {
    this.#flight ??= this.#writeAll().finally(() => {
      this.#flight = undefined;
      if (this.#waiting.length > 0 && !this.#isClosed) this.#plan(this.#isFailing ? pauseMs : this.#config.flushMs);
    });
    return this.#flight;
  }

  async #writeAll(): Promise<void> {
    const { audit, log, meter } = this.#deps;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, perWrite);
      this.#writing = batch.length;
      try {
        await audit?.append(batch);
        this.#isFailing = false;
      } catch (thrown) {
        // Their ids are known by now, so writing them again changes nothing that went through.
        this.#waiting = [...batch, ...this.#waiting];
        meter.count(metric.auditFailures);
        if (!this.#isFailing) log.warn('audit entries could not be written yet', { error: thrown });
        this.#isFailing = true;
        return;
      } finally {
        this.#writing = 0;
        this.#wake();
      }
    }
  }

  #wake(): void {
    const queue = this.#queue;
    this.#queue = [];
    for (const wake of queue) wake();
  }
}
