import { defaultSnapshotLimits, utf8Length } from '@skein/domain';

/** Why a file of a skill cannot travel in a snapshot under its path, or undefined when it can. */
export const skillPathDefect = (path: string): string | undefined => {
  if (utf8Length(path) > defaultSnapshotLimits.maxPathBytes)
    return `is longer than ${defaultSnapshotLimits.maxPathBytes} bytes`;
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) return 'is absolute';
  if (path.includes('\\')) return 'holds a backslash';
  if (hasControlCharacter(path)) return 'holds a control character';
  if (path !== path.normalize('NFC')) return 'is not in Unicode normal form C';
  const segments = path.split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) return 'is not normalised';
  return segments.some((segment) => /[ .]$/.test(segment)) ? 'has a segment that ends in a space or a dot' : undefined;
};

/** The first path that equals an earlier one, or its folder, on a file system that ignores letter case. */
export const collidingPath = (paths: readonly string[]): string | undefined => {
  const files = new Set<string>();
  const folders = new Set<string>();
  return paths.find((path) => {
    const folded = fold(path);
    const above = foldersOf(folded);
    const taken = files.has(folded) || folders.has(folded) || above.some((folder) => files.has(folder));
    files.add(folded);
    for (const folder of above) folders.add(folder);
    return taken;
  });
};

const foldersOf = (path: string): readonly string[] => {
  const segments = path.split('/');
  return segments.slice(1).map((_, index) => segments.slice(0, index + 1).join('/'));
};

/** Upper case first, so that letters with several lower-case forms meet. */
const fold = (path: string): string => path.toUpperCase().toLowerCase().normalize('NFC');

const hasControlCharacter = (text: string): boolean => {
  for (let at = 0; at < text.length; at += 1)
    if (text.charCodeAt(at) < 0x20 || text.charCodeAt(at) === 0x7f) return true;
  return false;
};
