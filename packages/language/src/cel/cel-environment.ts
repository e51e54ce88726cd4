import { Environment } from '@marcbachmann/cel-js';

/** Structural limits of one expression. */
const limits = { maxAstNodes: 500, maxDepth: 40, maxListElements: 100, maxMapEntries: 100, maxCallArguments: 16 };

type Mixed = (left: number, right: number) => number;

const mixed: { readonly [operator: string]: Mixed } = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => left / right,
};

let base: Environment | undefined;

/** CEL with mixed arithmetic of doubles and whole numbers: JSON does not tell them apart, so authors cannot. */
const baseEnvironment = (): Environment => {
  if (base !== undefined) return base;
  const environment = new Environment({ homogeneousAggregateLiterals: false, limits });
  for (const [operator, apply] of Object.entries(mixed)) {
    const handle = (left: unknown, right: unknown): number => apply(Number(left), Number(right));
    environment.registerOperator(`double ${operator} int: double`, handle);
    environment.registerOperator(`int ${operator} double: double`, handle);
  }
  base = environment;
  return environment;
};

/** An environment in which a text may name these variables, of any type. */
export const celEnvironment = (variables: readonly string[]): Environment => {
  const environment = baseEnvironment().clone();
  for (const variable of variables) environment.registerVariable(variable, 'dyn');
  return environment;
};
