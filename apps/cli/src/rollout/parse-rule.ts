import { DomainError, type Metric, suggest } from '@skein/domain';
import type { ReplayInput, RuleInput, ScorerInput } from '@skein/sdk';

/** What a rule looks like on a command line. */
export const ruleText = 'METRIC[,name=value…] like "latency,margin=0.1,action=pause", or a JSON object';

const numbers: ReadonlySet<string> = new Set(['margin', 'threshold', 'weight', 'minUnits', 'cap', 'promoteMargin']);
const words: ReadonlySet<string> = new Set(['id', 'kind', 'direction', 'action', 'scale']);

/** A rule of `--rule`. The coordinator knows which metrics and values there are. Throws `invalid_argument`. */
export const parseRule = (text: string): RuleInput => {
  if (text.trimStart().startsWith('{')) return objectOf(text, '--rule') as unknown as RuleInput;
  const [metric = '', ...pairs] = text.split(',').map((part) => part.trim());
  if (metric === '' || metric.includes('='))
    throw refused('--rule', `"${text.slice(0, 100)}" names no metric; a rule is ${ruleText}`);
  const fields: { [name: string]: unknown } = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    const [name, value] = [pair.slice(0, Math.max(at, 0)), pair.slice(at + 1)];
    if (words.has(name)) fields[name] = value;
    else if (name === 'promoteMargin' && value === 'no') fields[name] = false;
    else if (numbers.has(name)) fields[name] = numberOf(value, name);
    else {
      const near = suggest(at < 0 ? pair : name, [...words, ...numbers]);
      throw refused(
        '--rule',
        `"${pair.slice(0, 100)}" is no name=value of a rule${near === undefined ? '' : `; did you mean ${near}?`}`,
      );
    }
  }
  const { cap, scale, ...rest } = fields;
  const kind = cap === undefined ? scale : 'cap';
  return {
    metric: metric as Metric,
    ...rest,
    ...(kind === undefined ? {} : { scale: { kind, ...(cap === undefined ? {} : { cap }) } as RuleInput['scale'] }),
  } as RuleInput;
};

/** What a scorer looks like on a command line. */
export const scorerText = 'ID (values are posted), ID=CEL, or a JSON object';

/** A scorer of `--scorer`. Throws `invalid_argument`. */
export const parseScorer = (text: string): ScorerInput => {
  if (text.trimStart().startsWith('{')) return objectOf(text, '--scorer') as unknown as ScorerInput;
  const at = text.indexOf('=');
  if (at === 0 || text === '') throw refused('--scorer', `a scorer is ${scorerText}`);
  return at < 0
    ? { id: text, kind: 'posted' }
    : { id: text.slice(0, at), kind: 'expression', expression: text.slice(at + 1) };
};

/** Which recorded runs are tried again, on a command line. */
export const replayRunsText = 'failed, low-score, low-score:BELOW or sample:N';

/** Score below which a run is tried again when nothing is said. */
const lowScore = 0.5;

/** Which recorded runs are tried again. Throws `invalid_argument`. */
export const parseReplayRuns = (text: string, flag: string): Pick<ReplayInput, 'runs' | 'limit'> => {
  const [kind, value, ...more] = text.split(':');
  const wrong = refused(flag, `must be ${replayRunsText}, not "${text.slice(0, 100)}"`);
  if (more.length > 0) throw wrong;
  if (kind === 'low-score') {
    return { runs: { kind: 'low_score', below: value === undefined ? lowScore : numberOf(value, flag) } };
  }
  if (kind !== 'failed' && kind !== 'sample') throw wrong;
  if (value !== undefined && !/^[1-9]\d{0,3}$/.test(value)) throw wrong;
  return { runs: { kind }, ...(value === undefined ? {} : { limit: Number(value) }) };
};

const numberOf = (text: string, name: string): number => {
  const value = /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isFinite(value)) return value;
  throw refused(name, `"${text.slice(0, 100)}" is no number`);
};

const objectOf = (json: string, flag: string): object => {
  try {
    return JSON.parse(json) as object;
  } catch (error) {
    throw refused(flag, `is not JSON: ${error instanceof Error ? error.message : ''}`);
  }
};

const refused = (flag: string, message: string): DomainError =>
  new DomainError('invalid_argument', `${flag}: ${message}`);
