import { Option } from 'commander';
import { pinText } from './parse-pin.ts';
import { ruleText } from './parse-rule.ts';

/** Settings that are given at the start and can be changed later. */
export interface PolicyOptions {
  readonly rule: readonly string[];
  readonly pin: readonly string[];
  readonly runPolicy?: 'drain' | 'migrate' | 'abort';
  readonly onNoData?: 'pause' | 'ignore' | 'rollback';
}

/** Gathers an option that may be repeated. */
export const collect = (value: string, earlier: readonly string[]): readonly string[] => [...earlier, value];

/** `--rule`; `about` says what it does here. */
export const ruleOption = (about: string): Option =>
  new Option('--rule <rule>', `${about}: ${ruleText}; may be repeated`).argParser(collect).default([], 'none');

/** `--pin`. */
export const pinOption = (): Option =>
  new Option('--pin <unit=arm>', `a unit that gets this arm whatever the weights say: ${pinText}; may be repeated`)
    .argParser(collect)
    .default([], 'none');

/** `--run-policy`; `more` follows what it is about. */
export const runPolicyOption = (more = ''): Option =>
  new Option('--run-policy <policy>', `running runs at a rollback${more}`).choices(['drain', 'migrate', 'abort']);

/** `--on-no-data`; `more` follows what it is about. */
export const onNoDataOption = (more = ''): Option =>
  new Option('--on-no-data <policy>', `when no units come${more}`).choices(['pause', 'ignore', 'rollback']);
