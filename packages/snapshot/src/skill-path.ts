import { utf8Length } from '@skein/domain';

/** Why a path may not be that of a skill's file, or undefined when it may: relative, normalised, inside the skill on every file system. */
export const skillPathDefect = (path: string, maxPathBytes: number): string | undefined => {
  if (path === '') return 'the path is empty';
  if (utf8Length(path) > maxPathBytes) return `the path is longer than ${maxPathBytes} bytes`;
  if (hasControlCharacter(path)) return 'the path holds a control character';
  if (path.includes('\\')) return 'the path holds a backslash';
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) return 'the path is absolute';
  if (path !== path.normalize('NFC')) return 'the path is not in Unicode normal form C';
  for (const segment of path.split('/')) {
    if (segment === '') return 'the path has an empty segment';
    if (segment === '.' || segment === '..') return `the path has a "${segment}" segment`;
    if (segment.endsWith(' ') || segment.endsWith('.')) return 'a segment ends in a space or a dot';
  }
  return undefined;
};

/** The first path that some file system could not keep beside an earlier one: equal after case folding, or a file where a folder must be. */
export const collidingPath = (paths: readonly string[]): string | undefined => {
  const files = new Set<string>();
  const folders = new Set<string>();
  for (const path of paths) {
    const folded = fold(path);
    if (files.has(folded) || folders.has(folded)) return path;
    files.add(folded);
    for (let slash = folded.indexOf('/'); slash !== -1; slash = folded.indexOf('/', slash + 1)) {
      const folder = folded.slice(0, slash);
      if (files.has(folder)) return path;
      folders.add(folder);
    }
  }
  return undefined;
};

/** Upper case first, so that letters with several lower-case forms meet. */
const fold = (path: string): string => path.toUpperCase().toLowerCase().normalize('NFC');

const hasControlCharacter = (text: string): boolean => {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) < 0x20 || text.charCodeAt(at) === 0x7f) return true;
  return false;
};
