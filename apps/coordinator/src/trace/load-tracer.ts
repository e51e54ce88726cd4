import { DomainError } from '@skein/domain';
import type { Log } from '@skein/ports';
import type { TraceSettings } from '@skein/telemetry';
import type { Tracing } from '@skein/tracing';

/** A tracer, where one is asked for: its package is loaded then and only then. Throws `unavailable` when it is not installed. */
export const loadTracer = async (settings: TraceSettings | undefined, log: Log): Promise<Tracing | undefined> => {
  if (settings === undefined) return undefined;
  const { createTracing } = await import('@skein/tracing').catch((error: unknown) => {
    const message = 'traces are asked for, but @skein/tracing is not installed here';
    throw new DomainError('unavailable', message, undefined, error);
  });
  return createTracing({ ...settings, service: settings.service ?? 'skein-coordinator', log });
};
