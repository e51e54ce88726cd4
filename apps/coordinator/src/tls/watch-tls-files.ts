import { unwatchFile, watchFile } from 'node:fs';
import type { Log } from '@skein/ports';
import { endingCertificates, readTlsFiles, type TlsMaterial, type TlsSettings, tlsFileVariables } from './tls-files.ts';

/** How often the files are looked at, and the pause after a change, in which the other file of a pair is written too. */
const lookMs = 5_000;
const settleMs = 250;
/** From when on the end of a certificate is told. */
const soonMs = 14 * 86_400_000;
const tellMs = 12 * 3_600_000;

/** Files that are watched. */
export interface WatchedTlsFiles {
  /** Reads them now, as at a SIGHUP. */
  reload(): void;
  close(): void;
}

/**
 * Looks at the files again and again (also through links that are changed, as mounted secrets are) and hands on what they hold when it has
 * changed. What cannot be used is logged, and what was there before stays in use. Tells when certificates are about to end.
 */
export const watchTlsFiles = (
  files: TlsSettings,
  first: TlsMaterial,
  log: Log,
  apply: (material: TlsMaterial) => void,
  intervalMs = lookMs,
): WatchedTlsFiles => {
  const paths = [...new Set(tlsFileVariables.flatMap((name) => files[name] ?? []))];
  let current = JSON.stringify(first);
  let material = first;
  let timer: NodeJS.Timeout | undefined;
  const reload = (): void => {
    const read = readTlsFiles(files);
    if (!read.ok) {
      log.error('new certificates cannot be used; the old ones stay in use', { problems: [...read.error] });
      return;
    }
    const text = JSON.stringify(read.value);
    if (text === current) return;
    try {
      apply(read.value);
    } catch (error) {
      log.error('new certificates cannot be used; the old ones stay in use', { error });
      return;
    }
    current = text;
    material = read.value;
    log.info('new certificates are in use', {});
    tell();
  };
  const tell = (): void => {
    for (const problem of endingCertificates(material, Date.now(), soonMs)) log.warn(problem);
  };
  const onChange = (): void => {
    clearTimeout(timer);
    timer = setTimeout(reload, Math.min(settleMs, intervalMs)).unref();
  };
  for (const path of paths) watchFile(path, { interval: intervalMs, persistent: false }, onChange);
  const telling = setInterval(tell, tellMs).unref();
  tell();
  return {
    reload,
    close: () => {
      clearTimeout(timer);
      clearInterval(telling);
      for (const path of paths) unwatchFile(path, onChange);
    },
  };
};
