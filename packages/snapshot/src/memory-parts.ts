import { type RequiredMemory, type TenantId, utf8Bytes } from '@skein/domain';
import type { ProjectStore } from '@skein/ports';
import type { MemoryContent } from './part-content.ts';

/** Most bytes of one memory scope that travel; what is over is cut and marked. */
export const maxMemoryScopeBytes = 64 * 1024;

/** The views that were opted in to, of the scopes that exist (S4), each cut at its limit with a marker that says so. */
export const memoryParts = async (
  projects: Pick<ProjectStore, 'readMemory'>,
  tenant: TenantId,
  memory: RequiredMemory,
): Promise<readonly MemoryContent[]> => {
  const scopes = [
    ...(memory.global ? ['global'] : []),
    ...memory.dags.map((name) => `dag/${name}`),
    ...memory.agents.map((id) => `agent/${id}`),
  ];
  if (scopes.length === 0) return [];
  const asked = new Set(scopes);
  const views = await projects.readMemory(tenant, scopes);
  return views
    .filter((view) => asked.has(view.scope))
    .map(({ scope, revision, text }) => ({ scope, revision, text: cutText(text, maxMemoryScopeBytes) }));
};

/** The text, or its beginning up to whole characters within the limit and a marker. */
export const cutText = (text: string, maxBytes: number): string => {
  const bytes = utf8Bytes(text);
  if (bytes.length <= maxBytes) return text;
  let end = maxBytes;
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end--;
  const kept = new TextDecoder().decode(bytes.subarray(0, end));
  return `${kept}\n[memory cut: ${end} of ${bytes.length} bytes shown]\n`;
};
