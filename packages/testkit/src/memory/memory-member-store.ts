import type { Member, MemberRow, MemberStore } from '@skein/ports';

/** Members in memory. */
export class MemoryMemberStore implements MemberStore {
  readonly #rows = new Map<string, MemberRow>();

  async renew(member: Member): Promise<readonly MemberRow[]> {
    const highest = Math.max(0, ...[...this.#rows.values()].map(({ renewal }) => renewal));
    this.#rows.set(member.coordinatorId, { ...member, facts: [...member.facts], renewal: highest + 1 });
    return this.list();
  }

  async list(): Promise<readonly MemberRow[]> {
    return [...this.#rows.values()].toSorted((a, b) => (a.coordinatorId < b.coordinatorId ? -1 : 1));
  }

  async leave(coordinatorId: string, incarnation: string): Promise<void> {
    if (this.#rows.get(coordinatorId)?.incarnation === incarnation) this.#rows.delete(coordinatorId);
  }

  async bury(coordinatorId: string, incarnation: string, renewal: number): Promise<boolean> {
    const row = this.#rows.get(coordinatorId);
    if (row?.incarnation !== incarnation) return true;
    if (row.renewal !== renewal) return false;
    this.#rows.delete(coordinatorId);
    return true;
  }
}
