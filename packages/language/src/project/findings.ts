import { isName, type Problem } from '@skein/domain';

/** Problems and warnings of all files of a project. */
export interface Findings {
  readonly problems: Problem[];
  readonly warnings: Problem[];
  take(source: { readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] }): void;
}

/** Findings that begin with those given. */
export const createFindings = (first: {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}): Findings => {
  const problems = [...first.problems];
  const warnings = [...first.warnings];
  return {
    problems,
    warnings,
    take: (source) => {
      problems.push(...source.problems);
      warnings.push(...source.warnings);
    },
  };
};

/** Names that would reach into JavaScript's own objects further on. */
const refusedNames = new Set(['constructor', 'prototype']);

/** Reports the name of a folder or file that cannot be an id. */
export const checkId = (id: string, kind: string, file: string, findings: Findings): void => {
  if (isName(id) && !refusedNames.has(id)) return;
  const expected = isName(id) ? 'another name' : 'a letter or digit, then at most 63 of A-Z a-z 0-9 _ . -';
  findings.problems.push({ message: `${id} is not a name for this ${kind}`, file, expected });
};
