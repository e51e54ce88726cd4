import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { DomainError } from '@skein/domain';
import type { StepInput } from '@skein/sdk';
import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../cli/parse-duration.ts';
import { parseWeight } from './parse-weight.ts';

/** What a step looks like on a command line. */
export const stepsText = 'WEIGHT[:UNITS[:TIME[:approval]]],… like "0.1%:20:10m,5%,100%", none, or a file of them';

/**
 * The steps of a plan: `none`; steps with commas between them; or a file with one step per line (`#` begins a comment), or with a JSON list of
 * steps as the API takes it. Throws `invalid_argument`.
 */
export const parseSteps = async (text: string, cwd: string): Promise<readonly StepInput[]> => {
  if (text.trim() === 'none') return [];
  if (/^[\d.]/.test(text.trim()) && !/[/\\]/.test(text)) return text.split(',').map(parseStep);
  const path = resolve(cwd, text);
  const content = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new DomainError(
      'invalid_argument',
      `--steps: ${path} cannot be read (${error.code ?? 'unknown'}); ${stepsText}`,
    );
  });
  if (content.trimStart().startsWith('[')) return listOf(content, path);
  const lines = content.split('\n').map((line) => line.replace(/#.*$/, '').trim());
  return lines.filter((line) => line !== '').flatMap((line) => line.split(',').map(parseStep));
};

const listOf = (content: string, path: string): readonly StepInput[] => {
  try {
    // The coordinator checks each of them.
    return JSON.parse(content) as readonly StepInput[];
  } catch (error) {
    const why = error instanceof Error ? error.message : '';
    throw new DomainError('invalid_argument', `--steps: ${path} is not a JSON list: ${why}`);
  }
};

const parseStep = (text: string): StepInput => {
  const [share = '', units = '', time = '', gate = '', ...more] = text.trim().split(':');
  const wrong = (what: string): DomainError =>
    new DomainError('invalid_argument', `--steps: ${what} in "${text.trim().slice(0, 100)}"; a step is ${stepsText}`);
  if (more.length > 0) throw wrong('too many parts');
  if (!/^\d{0,9}$/.test(units)) throw wrong(`"${units}" is no number of units`);
  if (gate !== '' && gate !== 'approval' && gate !== 'auto') throw wrong(`"${gate}" is neither auto nor approval`);
  return {
    weight: parseWeight(share, '--steps: a weight'),
    ...(units === '' ? {} : { minUnits: Number(units) }),
    ...(time === '' ? {} : { minDurationMs: durationOf(time, wrong) }),
    ...(gate === '' ? {} : { gate }),
  };
};

const durationOf = (text: string, wrong: (what: string) => DomainError): number => {
  if (text === '0') return 0;
  try {
    return parseDuration(text);
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw wrong(`"${text}" is no time like 90s, 10m or 2h`);
    throw error;
  }
};
