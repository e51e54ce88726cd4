import type { ToolHost } from '@skein/ports';
import { fetchPage } from '../http/fetch-page.ts';
import type { HttpGate } from '../http/send-request.ts';
import { type ProcessGroups, unwatchedGroups } from '../process/process-groups.ts';
import { readJailedFile, writeJailedFile } from './jailed-files.ts';
import { runBash } from './run-bash.ts';

/** What the tool host needs. */
export interface NodeToolHostDeps {
  /** `PATH` of the commands that agents run; nothing else of the worker's environment reaches them (S3). */
  readonly path: string;
  /** `SKEIN_LAUNCH` of the worker, passed on so that the worker's launcher finds what the worker leaves behind. */
  readonly launchMarker?: string;
  /** Told of every process group of a command. */
  readonly groups?: ProcessGroups;
  /** Where the tool `http` may go; without it there is none. */
  readonly gate?: HttpGate;
}

/** Files and processes of the machine, for agents' tools. Isolation is a path jail and a process group, no more. */
export const createNodeToolHost = (deps: NodeToolHostDeps): ToolHost => {
  const { gate } = deps;
  const surroundings = { ...deps, groups: deps.groups ?? unwatchedGroups };
  return {
    readFile: readJailedFile,
    writeFile: writeJailedFile,
    runBash: (root, request, signal) => runBash(surroundings, root, request, signal),
    ...(gate === undefined
      ? {}
      : {
          fetchPage: (url: string, maxBytes: number, signal: AbortSignal, traceparent?: string) =>
            fetchPage(gate, url, maxBytes, signal, traceparent),
        }),
  };
};
