import { DomainError, type ErrorCode, type ErrorDetails, errorCatalog } from '@skein/domain';

/** The error that an answer carries: the typed one of our problem details, else the nearest code for the status. */
export const errorOfResponse = async (response: Response): Promise<DomainError> => {
  const body = await response.text().catch(() => '');
  return parseProblem(body) ?? fromStatus(response.status);
};

/** A problem document as a typed error; undefined when the text is none of ours. */
export const parseProblem = (text: string): DomainError | undefined => {
  let problem: { readonly [key: string]: unknown };
  try {
    problem = JSON.parse(text) as typeof problem;
  } catch {
    return undefined;
  }
  const code = problem?.['code'];
  if (typeof code !== 'string' || !(code in errorCatalog)) return undefined;
  const detail = typeof problem['detail'] === 'string' ? problem['detail'] : code;
  const extra = typeof problem['details'] === 'object' && problem['details'] !== null ? problem['details'] : {};
  const problems = Array.isArray(problem['problems']) ? { problems: problem['problems'] } : {};
  const details = { ...extra, ...problems };
  return new DomainError(
    code as ErrorCode,
    detail,
    Object.keys(details).length === 0 ? undefined : (details as ErrorDetails<ErrorCode>),
  );
};

/** For answers of something in between, such as a proxy: no code of ours, so the status decides. */
const fromStatus = (status: number): DomainError => {
  const message = `the server answered with status ${status}`;
  if (status === 502 || status === 503 || status === 504) return new DomainError('unavailable', message);
  const code = (Object.keys(errorCatalog) as ErrorCode[]).find((known) => errorCatalog[known].http === status);
  return new DomainError(code ?? 'internal', message, undefined);
};
