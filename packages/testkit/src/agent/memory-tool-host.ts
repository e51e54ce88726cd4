import { DomainError } from '@skein/domain';
import type { BashRequest, BashResult, ToolHost } from '@skein/ports';

/** A tool host without a machine: files in a map, commands answered by a function. */
export interface MemoryToolHost extends ToolHost {
  readonly files: Map<string, { readonly text: string; readonly mode: number }>;
  readonly commands: readonly string[];
  /** URLs that were asked for. */
  readonly asked: readonly string[];
}

/** Keeps files by path; refuses nothing that its caller let through, so that a test sees what the caller's own checks stop. */
export const createMemoryToolHost = (
  bash: (
    command: string,
    signal: AbortSignal,
    request: BashRequest,
  ) => Promise<Partial<BashResult>> | Partial<BashResult> = () => ({}),
): MemoryToolHost => {
  const files = new Map<string, { text: string; mode: number }>();
  const commands: string[] = [];
  const asked: string[] = [];
  return {
    files,
    commands,
    asked,
    fetchPage: async (url, maxBytes) => {
      asked.push(url);
      const text = `the page ${url} `.repeat(10_000);
      return { status: 200, contentType: 'text/plain', text: text.slice(0, maxBytes), truncated: true };
    },
    readFile: async (_root, path, maxBytes) => {
      const file = files.get(path);
      if (file === undefined) throw new DomainError('not_found', `"${path}" does not exist`);
      const { text, mode } = file;
      return { text: text.slice(0, maxBytes), bytes: text.length, truncated: text.length > maxBytes, mode };
    },
    writeFile: async (_root, path, bytes, mode) => {
      files.set(path, { text: new TextDecoder().decode(bytes), mode });
    },
    runBash: async (_root, request, signal) => {
      commands.push(request.command);
      const result = await bash(request.command, signal, request);
      return { exitCode: 0, output: '', truncated: false, timedOut: false, ...result };
    },
  };
};
