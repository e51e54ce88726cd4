import type { JsonValue } from '../json/json-value.ts';

/** The type of a DAG parameter or of a declared step output. */
export type ValueType = 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object' | 'any';

/** A declared DAG parameter. A parameter without `default` that is `required` must be given at submit. */
export interface ParamDef {
  readonly name: string;
  readonly type: ValueType;
  readonly default?: JsonValue;
  readonly required: boolean;
  readonly enum?: readonly JsonValue[];
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** A declared, named and required output of a step. */
export interface OutputDef {
  readonly name: string;
  readonly type: ValueType;
  readonly description?: string;
}
