import { DomainError, type JsonValue } from '@skein/domain';

/** Params from `--params JSON` (or another `flag`) and from `key=value` pairs, which win. A pair's value is text; the DAG gives it its type. */
export const parseParams = (
  json: string | undefined,
  pairs: readonly string[],
  flag = '--params',
): { readonly [name: string]: JsonValue } => {
  const params: { [name: string]: JsonValue } = { ...(json === undefined ? {} : parseObject(json, flag)) };
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at < 1) throw notAPair(pair, flag);
    Object.defineProperty(params, pair.slice(0, at), {
      value: pair.slice(at + 1),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return params;
};

const notAPair = (pair: string, flag: string): DomainError =>
  new DomainError(
    'invalid_argument',
    flag === '--routing-context'
      ? `--key is written name=value, not "${pair}"; for example --key resourceId=customer-1`
      : `a parameter is written name=value, not "${pair}"`,
  );

const parseObject = (json: string, flag: string): { readonly [name: string]: JsonValue } => {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new DomainError('invalid_argument', `${flag} is not JSON: ${error instanceof Error ? error.message : ''}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new DomainError('invalid_argument', `${flag} must be a JSON object, for example '{"name": "value"}'`);
  }
  return value as { readonly [name: string]: JsonValue };
};
