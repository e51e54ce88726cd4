/** Name under which watchers of an agent's rollouts are woken; unambiguous whatever the ids hold. */
export const watchKey = (tenant: string, agentId: string): string => JSON.stringify([tenant, agentId]);
