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
  if (bidiControl.test(path)) return 'holds a character that turns the direction of text';
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) return 'is absolute';
  if (path !== path.normalize('NFC')) return 'is not in Unicode normal form C';
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.' || segment === '..') return 'is not normalised';
    if (segment.endsWith(' ') || segment.endsWith('.')) return 'has a segment that ends in a space or a dot';
    if (deviceName.test(segment)) return 'has a segment that is the name of a device on some systems';
  }
  const plain = path.normalize('NFKC');
  const isTwisted = plain.split('/').some((segment) => segment === '.' || segment === '..');
  if (isTwisted || separators(plain) !== separators(path)) return 'holds a character that looks like a separator';
  return undefined;
};

/** Explicit marks, embeddings, overrides and isolates. */
const bidiControl = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/** @source https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file#naming-conventions */
const deviceName = /^(?:con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])(?:\.|$)/i;

/** The characters that take a path apart, in order. The compatibility form of a path must not have others: some systems use it. */
const separators = (path: string): string => path.replace(/[^/\\:]/g, '');

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
