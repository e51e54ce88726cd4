import { maxMemoryBytes, type RequiredMemory, type TenantId, utf8Bytes } from '@skein/domain';
import type { ProjectStore } from '@skein/ports';
import type { GatheredParts } from './gathered-parts.ts';
import { encodePart } from './part-codec.ts';

/**
 * Adds the views that were opted in to, of the scopes that exist (S4), each cut at its limit with a marker that says so. Answers the
 * revision of each.
 */
export const gatherMemory = async (
  projects: Partial<Pick<ProjectStore, 'readMemory'>>,
  tenant: TenantId,
  memory: RequiredMemory,
  gathered: GatheredParts,
): Promise<{ readonly [scope: string]: number }> => {
  const scopes = [
    ...(memory.global ? ['global'] : []),
    ...memory.dags.map((name) => `dag/${name}`),
    ...memory.agents.map((id) => `agent/${id}`),
  ];
  const [first] = scopes;
  if (first === undefined) return {};
  if (projects.readMemory === undefined) {
    const asker = memory.steps[first]?.[0] ?? 'a step';
    gathered.problems.push({ message: `${asker} reads the memory "${first}", but there is no memory store` });
    return {};
  }
  const asked = new Set(scopes);
  const views = (await projects.readMemory(tenant, scopes)).filter((view) => asked.has(view.scope));
  for (const { scope, revision, text } of views) {
    const bytes = encodePart('memory', { scope, revision, text: cutText(text, maxMemoryBytes) });
    gathered.ask(gathered.add('memory', scope, bytes), memory.steps[scope] ?? []);
  }
  return Object.fromEntries(views.map(({ scope, revision }) => [scope, revision]));
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
