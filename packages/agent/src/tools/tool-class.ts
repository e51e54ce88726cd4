import type { ToolCallClass, ToolsContent } from '@skein/domain';

/** What is known of the tools of one agent when their calls are classified. */
export interface KnownTools {
  /** Why nothing at all would be done; undefined when something may be. */
  readonly refuses: (tool: string) => boolean;
  readonly isServers: (tool: string) => boolean;
  readonly effects: ToolsContent['effects'];
}

const repeatable: readonly string[] = ['load_skill', 'write', 'patch', 'remember', 'delegate', 'reply'];

/** How far a call of a tool may be repeated. A call that will be refused does nothing, whatever its tool would do. */
export const toolClassOf = ({ refuses, isServers, effects }: KnownTools, tool: string): ToolCallClass => {
  const servers = isServers(tool);
  if (!servers && refuses(tool)) return 'read_only';
  if (repeatable.includes(tool)) return 'repeatable';
  if (tool !== 'bash' && !servers) return 'read_only';
  const declared = effectsOf(effects, tool)?.class;
  if (declared === 'read_only') return 'read_only';
  return declared === 'idempotent' ? 'repeatable' : 'effect';
};

/** What is declared of a tool, by the name that the model sees. */
export const effectsOf = (effects: ToolsContent['effects'], tool: string) =>
  effects !== undefined && Object.hasOwn(effects, tool) ? effects[tool] : undefined;
