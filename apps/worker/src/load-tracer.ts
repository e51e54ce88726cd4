import type { Log } from '@skein/ports';
import type { TraceSettings } from '@skein/telemetry';
import type { Tracing } from '@skein/tracing';

/** A tracer, where one is asked for: its package is loaded then and only then. Tasks do not depend on it: without the package, the log says so. */
export const loadTracer = async (
  settings: TraceSettings | undefined,
  log: Log,
  workerId: string,
): Promise<Tracing | undefined> => {
  if (settings === undefined) return undefined;
  const loaded = await import('@skein/tracing').catch((error: unknown) => {
    log.warn('traces are asked for, but @skein/tracing cannot be loaded here', { error });
  });
  return loaded?.createTracing({
    ...settings,
    service: settings.service ?? 'skein-worker',
    resource: { ...settings.resource, 'service.instance.id': workerId },
    log,
  });
};
