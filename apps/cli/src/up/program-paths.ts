import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The programs that the command starts as processes of their own. */
export type ProgramName = 'coordinator' | 'scheduler' | 'worker';

const names: readonly ProgramName[] = ['coordinator', 'scheduler', 'worker'];

/** The built program; it lies beside this one in the workspace. */
export const programPath = (name: ProgramName): string =>
  fileURLToPath(new URL(`../../../${name}/dist/main.js`, import.meta.url));

/** Programs that are not built. */
export const missingPrograms = (): readonly ProgramName[] => names.filter((name) => !existsSync(programPath(name)));

/** Flags for Node with which a program ends when the process that started it is gone. */
export const exitWithParent: readonly string[] = [
  `--import=${new URL('../../dist/up/exit-with-parent.js', import.meta.url).href}`,
];
