/** Where in which trace something happens, after W3C Trace Context: lower-case hex of 16 and 8 bytes, never all zeros. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  /** False: whoever began the trace does not want it recorded. */
  readonly sampled: boolean;
}

const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Longest header of a later version that is read. */
const maxChars = 256;

/** The context that a `traceparent` names; undefined for what is none (https://www.w3.org/TR/trace-context/#traceparent-header). */
export const parseTraceparent = (text: string | undefined): TraceContext | undefined => {
  if (text === undefined || text.length > maxChars) return undefined;
  const [, version, traceId = '', spanId = '', flags = '', more] = pattern.exec(text) ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
};

/** The `traceparent` of a context, version 00. */
export const formatTraceparent = ({ traceId, spanId, sampled }: TraceContext): string =>
  `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
