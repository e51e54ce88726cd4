import type { SpanExporter } from '@opentelemetry/sdk-trace-node';
import type { Log } from '@skein/ports';

/** ExportResultCode.SUCCESS. */
const success = 0;

/** Says once when the collector does not take spans any more, and once when it does again; a failure goes no further. */
export const watchedExporter = (exporter: SpanExporter, log: Log): SpanExporter => {
  let isFailing = false;
  const note = (failed: boolean, error?: unknown): void => {
    if (failed === isFailing) return;
    isFailing = failed;
    // Not the error as it is: it may hold the request with its headers.
    if (failed) log.warn('spans cannot be sent', { cause: error instanceof Error ? error.message : undefined });
    else log.info('spans are sent again');
  };
  return {
    export: (spans, done) => {
      const ended = (result: Parameters<typeof done>[0]): void => {
        note(result.code !== success, result.error);
        done({ code: success });
      };
      try {
        exporter.export(spans, ended);
      } catch (error) {
        ended({ code: 1, error: error instanceof Error ? error : new Error(String(error)) });
      }
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  };
};
