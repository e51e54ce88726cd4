import type { ListAll } from './list-all.ts';
import { listPage, segment, type WirePage } from './list-page.ts';
import type {
  AuditEntryInfo,
  CreatedTrigger,
  CreateTriggerInput,
  ListAuditInput,
  SecretRotationInfo,
  StoredSecretInfo,
  TriggerInfo,
} from './security-wire.ts';
import type { Transport } from './transport.ts';
import type { ListPage } from './wire.ts';

/** Who did what. Needs an admin's token. */
export interface AuditClient {
  /** Newest first. */
  list(input?: ListAuditInput): Promise<ListPage<AuditEntryInfo>>;
}

/** Secrets that the coordinator keeps, encrypted. Needs an admin's token. */
export interface SecretsClient {
  set(name: string, value: string): Promise<StoredSecretInfo>;
  list(): Promise<readonly StoredSecretInfo[]>;
  remove(name: string): Promise<void>;
  /** Seals all of them with the first key; called again it goes on where it ended. */
  rotate(): Promise<SecretRotationInfo>;
}

/** Runs that are started by signed requests of others. Needs an admin's token. */
export interface TriggersClient {
  create(input: CreateTriggerInput): Promise<CreatedTrigger>;
  list(): Promise<readonly TriggerInfo[]>;
  revoke(triggerId: string): Promise<void>;
}

/** The part of the client that reads the audit log. */
export const createAuditClient = (transport: Transport): AuditClient => ({
  list: async (input = {}) =>
    listPage(
      await transport.json<WirePage<AuditEntryInfo>>({
        method: 'GET',
        path: '/api/audit',
        query: { ...input },
        idempotent: true,
      }),
    ),
});

/** The part of the client that deals with secrets at rest. */
export const createSecretsClient = (transport: Transport, all: ListAll): SecretsClient => {
  const one = (name: string) => `/api/secrets/${segment(name)}`;
  return {
    set: (name, value) => transport.json({ method: 'PUT', path: one(name), body: { value }, idempotent: true }),
    list: () => all('/api/secrets'),
    remove: async (name) => {
      await transport.send({ method: 'DELETE', path: one(name), idempotent: true });
    },
    rotate: () => transport.json({ method: 'POST', path: '/api/secrets/rotate', body: {}, idempotent: true }),
  };
};

/** The part of the client that deals with triggers. */
export const createTriggersClient = (transport: Transport, all: ListAll): TriggersClient => ({
  create: (input) => transport.json({ method: 'POST', path: '/api/triggers', body: input, idempotent: false }),
  list: () => all('/api/triggers'),
  revoke: async (triggerId) => {
    await transport.send({ method: 'DELETE', path: `/api/triggers/${segment(triggerId)}`, idempotent: true });
  },
});
