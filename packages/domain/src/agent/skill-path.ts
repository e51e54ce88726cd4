import { utf8Length } from '../text/utf8.ts';

/**
 * Why a path may not be that of a skill's file, as the end of a sentence ("is absolute"), or undefined when it may: relative, normalised,
 * inside the skill on every file system. The one rule for those who publish skills and those who unpack them.
 */
export const skillPathDefect = (path: string, maxPathBytes: number): string | undefined => {
  if (path === '') return 'is empty';
  if (utf8Length(path) > maxPathBytes) return `is longer than ${maxPathBytes} bytes`;
  if (hasControlCharacter(path)) return 'holds a control character';
  if (path.includes('\\')) return 'holds a backslash';
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) return 'is absolute';
  if (path !== path.normalize('NFC')) return 'is not in Unicode normal form C';
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.' || segment === '..') return 'is not normalised';
    if (segment.endsWith(' ') || segment.endsWith('.')) return 'has a segment that ends in a space or a dot';
  }
  return undefined;
};

/** The first path that some file system could not keep beside an earlier one: equal after case folding, or a file where a folder must be. */
export const collidingSkillPath = (paths: readonly string[]): string | undefined => {
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
