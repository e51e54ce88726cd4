import type { TenantId, VersionId } from '@skein/domain';

const key = (tenant: TenantId, agentId: string): string => `${tenant}\u0000${agentId}`;

/** Which version of an agent is active, and which is named to be tried out next: shared by the stores of projects and of rollouts. */
export class MemoryAgentPointers {
  readonly #active = new Map<string, VersionId>();
  readonly #candidates = new Map<string, VersionId>();

  active(tenant: TenantId, agentId: string): VersionId | undefined {
    return this.#active.get(key(tenant, agentId));
  }

  candidate(tenant: TenantId, agentId: string): VersionId | undefined {
    return this.#candidates.get(key(tenant, agentId));
  }

  /** A version that becomes active is no candidate any more. */
  activate(tenant: TenantId, agentId: string, versionId: VersionId): void {
    this.#active.set(key(tenant, agentId), versionId);
    if (this.candidate(tenant, agentId) === versionId) this.#candidates.delete(key(tenant, agentId));
  }

  /** Unless it is the active one. */
  nameCandidate(tenant: TenantId, agentId: string, versionId: VersionId): void {
    if (this.active(tenant, agentId) !== versionId) this.#candidates.set(key(tenant, agentId), versionId);
  }
}
