import { shardOf } from '@skein/domain';
import type { PeerMessage } from '@skein/ports';
import { fillWindow } from '../submit/fill-window.ts';
import type { PeerLink } from './peer-link.ts';
import type { PeerState } from './peer-state.ts';
import { homeOf, isOurs } from './peer-state.ts';

/*
 * Hints between coordinators about runs. Each may be lost: readers read from the store, and sweeps find what waits.
 */

/** Runs that one message names. */
const maxNamed = 1_000;

/** Gathers hints and sends them at the end of the turn. */
export class RunHints {
  readonly #state: PeerState;
  readonly #appended = new Map<PeerLink, Set<string>>();
  readonly #woken = new Map<PeerLink, Map<string, string>>();
  #scheduled = false;
  #watchingScheduled = false;

  constructor(state: PeerState) {
    this.#state = state;
  }

  /** Something was appended to a run, or is shown of it: peers that have watchers of it are told. */
  readonly notified = (runId: string): void => {
    for (const link of this.#state.streams.links) {
      if (!link.watching.has(runId) || !isOurs(this.#state, shardOf(runId))) continue;
      const runs = this.#appended.get(link) ?? new Set<string>();
      this.#appended.set(link, runs.add(runId));
      this.#schedule();
    }
  };

  /** The home of a run is told that it waits, or has changed, in the store. */
  wake(tenant: string, runId: string): void {
    const link = homeOf(this.#state.streams, shardOf(runId));
    if (link === undefined || isOurs(this.#state, shardOf(runId))) return;
    const runs = this.#woken.get(link) ?? new Map<string, string>();
    this.#woken.set(link, runs.set(runId, tenant));
    this.#schedule();
  }

  /** The runs that are watched here, or their homes, have changed. */
  readonly watchedChanged = (): void => {
    if (this.#watchingScheduled) return;
    this.#watchingScheduled = true;
    this.#state.engine.deps.clock.endOfTurn(() => {
      this.#watchingScheduled = false;
      this.#sayWatched();
    });
  };

  /** A peer's stream ended. */
  leave(link: PeerLink): void {
    this.#appended.delete(link);
    this.#woken.delete(link);
  }

  onWake({ runs }: Extract<PeerMessage, { readonly type: 'wake' }>): void {
    const { engine } = this.#state;
    let waits = false;
    for (const { tenant, runId } of runs) {
      const actor = engine.runs.find(runId);
      if (actor === undefined) waits = true;
      else if (actor.tenant === tenant) engine.wake(actor);
    }
    if (waits && engine.phase === 'running') fillWindow(engine);
  }

  onAppended({ runIds }: Extract<PeerMessage, { readonly type: 'appended' }>): void {
    for (const runId of runIds) this.#state.engine.watchers.notify(runId);
  }

  onWatching(link: PeerLink, { runIds }: Extract<PeerMessage, { readonly type: 'watching' }>): void {
    const before = link.watching;
    link.watching = new Set(runIds);
    // What was appended before this was known.
    for (const runId of runIds) if (!before.has(runId)) this.notified(runId);
  }

  #sayWatched(): void {
    const { engine, streams } = this.#state;
    const byLink = new Map<PeerLink, string[]>();
    for (const runId of engine.watchers.watched) {
      const shard = shardOf(runId);
      const link = isOurs(this.#state, shard) ? undefined : homeOf(streams, shard);
      if (link === undefined) continue;
      const runs = byLink.get(link) ?? [];
      byLink.set(link, runs);
      if (runs.length < 10 * maxNamed) runs.push(runId);
    }
    for (const link of streams.links) {
      const runIds = byLink.get(link) ?? [];
      const text = runIds.join(' ');
      if (text === link.told.watching) continue;
      link.told.watching = text;
      link.send({ type: 'watching', runIds });
    }
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#state.engine.deps.clock.endOfTurn(() => {
      this.#scheduled = false;
      for (const [link, runs] of this.#appended) {
        const all = [...runs];
        for (let at = 0; at < all.length; at += maxNamed)
          link.send({ type: 'appended', runIds: all.slice(at, at + maxNamed) });
      }
      this.#appended.clear();
      for (const [link, runs] of this.#woken) {
        const all = [...runs].map(([runId, tenant]) => ({ runId, tenant }));
        for (let at = 0; at < all.length; at += maxNamed)
          link.send({ type: 'wake', runs: all.slice(at, at + maxNamed) });
      }
      this.#woken.clear();
    });
  }
}
