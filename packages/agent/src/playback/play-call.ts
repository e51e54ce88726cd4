import { isDomainError, type JsonValue } from '@skein/domain';
import type { PlacedCall } from '../attempt/journal.ts';
import type { RecordedResult } from '../resume/history.ts';
import { objectOf } from '../tools/input-fields.ts';
import { patchFile } from '../tools/patch-file.ts';
import { performCall, refusesTool } from '../tools/perform-call.ts';
import type { ToolBench } from '../tools/tool-bench.ts';
import { effectsOf } from '../tools/tool-class.ts';
import { isUnrecorded, notInTheRecord, type Player } from './player.ts';

/**
 * What takes the place of a call; undefined when it is to be made after all: what the version answers itself, what its policy refuses,
 * and, in the mode `live`, what is not recorded and changes nothing outside of the private directory.
 */
export const playCall = async (
  bench: ToolBench,
  player: Player,
  turn: number,
  call: PlacedCall,
  signal: AbortSignal,
): Promise<RecordedResult | undefined> => {
  const { tool } = call;
  if (isUnrecorded(tool)) return undefined;
  const isServers = bench.servers.has(tool);
  if (!isServers && (refusesTool(bench, tool) || isDenied(bench, call))) return undefined;
  const recorded = player.next(tool, bench.redact(call.input));
  if (recorded !== undefined) {
    if (player.mode === 'live' && !recorded.isError) await keepFile(bench, turn, call, signal);
    return recorded;
  }
  if (player.mode === 'live' && staysInside(bench, tool)) return undefined;
  return notInTheRecord;
};

const isDenied = ({ policy }: ToolBench, { tool, input }: PlacedCall): boolean => {
  const command = tool === 'bash' ? commandOf(input) : undefined;
  return command !== undefined && policy.bash(command) !== undefined;
};

const commandOf = (input: JsonValue): string | undefined => {
  const command = objectOf(input)?.['command'];
  return typeof command === 'string' ? command : undefined;
};

const fileTools: readonly string[] = ['read', 'write', 'patch'];

const staysInside = ({ effects }: ToolBench, tool: string): boolean =>
  fileTools.includes(tool) || effectsOf(effects, tool)?.class === 'read_only';

/** A file that was written then is there now too, for reads that are not recorded; what cannot be done again is as it was recorded. */
const keepFile = async (bench: ToolBench, turn: number, call: PlacedCall, signal: AbortSignal): Promise<void> => {
  if (call.tool !== 'write' && call.tool !== 'patch') return;
  try {
    if (call.tool === 'patch') await patchFile(bench.toolHost, bench.root, call.input);
    else await performCall(bench, turn, call, signal);
  } catch (thrown) {
    if (!isDomainError(thrown)) throw thrown;
  }
};
