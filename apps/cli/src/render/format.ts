import { stripVTControlCharacters } from 'node:util';

/** `350 ms`, `4.2 s`, `3 m 05 s`, `2 h 01 m`. */
export const formatDuration = (ms: number): string => {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1_000);
  const pad = (value: number): string => String(value).padStart(2, '0');
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} m ${pad(seconds % 60)} s`;
  return `${Math.floor(seconds / 3_600)} h ${pad(Math.floor((seconds % 3_600) / 60))} m`;
};

/** `512 B`, `4.2 KiB`, `3.0 MiB`. */
export const formatBytes = (bytes: number): string => {
  if (bytes < 1_024) return `${bytes} B`;
  if (bytes < 1_024 ** 2) return `${(bytes / 1_024).toFixed(1)} KiB`;
  if (bytes < 1_024 ** 3) return `${(bytes / 1_024 ** 2).toFixed(1)} MiB`;
  return `${(bytes / 1_024 ** 3).toFixed(1)} GiB`;
};

/** An instant as people of this place write it, in UTC: `2026-11-02 03:04:05`. */
export const formatInstant = (iso: string | undefined): string =>
  iso === undefined ? '' : iso.replace('T', ' ').replace(/(\.\d+)?Z$/, '');

/** `sha256:` and the first twelve digits. */
export const shortDigest = (digest: string): string => digest.slice(0, 'sha256:'.length + 12);

/** The part of an id that people compare: its last eight characters behind its prefix. */
export const shortId = (id: string): string => {
  const [prefix, rest] = id.split('_');
  return rest === undefined ? id : `${prefix}_…${rest.slice(-8)}`;
};

/** Text without control characters and turns of direction, so that no value can steer the terminal. Line breaks and tabs stay. */
export const safeText = (text: string): string => text.replaceAll(/[^\P{Cc}\n\t]|\p{Bidi_Control}/gu, '');

/** Lines of a log for a terminal: colours and other sequences are taken out, and what would overwrite a line begins a new one. */
export const safeLog = (text: string): string =>
  safeText(
    stripVTControlCharacters(text)
      .replaceAll(/\r+\n/g, '\n')
      .replaceAll(/\r(?=[^\n])/g, '\n'),
  );
