import type { StoredSecrets } from '@skein/coordinator';
import { DomainError } from '@skein/domain';

const updatedAt = '2026-11-02T03:04:05.000Z';

/** Stored secrets in memory, in plain. */
export class FakeSecrets implements StoredSecrets {
  readonly values = new Map<string, string>();
  hasKey = true;

  async set(_tenant: string, name: string, value: string, by: string) {
    if (!this.hasKey) throw new DomainError('unimplemented', 'this coordinator has no key for secrets at rest');
    this.values.set(name, value);
    return { name, keyId: 'key_1', updatedAt, updatedBy: by };
  }
  async list() {
    return [...this.values.keys()].map((name) => ({ name, keyId: 'key_1', updatedAt, updatedBy: 'admin' }));
  }
  async remove(_tenant: string, name: string) {
    this.values.delete(name);
  }
  async rotate() {
    return { keyId: 'key_2', rotated: this.values.size, failed: [] };
  }
}
