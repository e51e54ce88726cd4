import { runProgram } from '../cli/run-program.ts';
import { runDemo } from './run-demo.ts';

/** The demo of rollouts after installing and building; `beganAt` is when all of it began, in ms. Gives the exit code. */
export const demo = (json: boolean, beganAt: number): Promise<number> =>
  runProgram((cli) => runDemo(cli, json, beganAt));
