import { runProgram } from '../cli/run-program.ts';
import { runQuickstart } from './run-quickstart.ts';

/** The quickstart after installing and building; `beganAt` is when all of it began, in ms. Gives the exit code. */
export const quickstart = (args: readonly string[], beganAt: number): Promise<number> =>
  runProgram((cli) => runQuickstart(cli, args, beganAt));
