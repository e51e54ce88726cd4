import { createHash } from 'node:crypto';

const maxLength = 180;

/**
 * A file name for any text: one name per text, no separators, never `.` or `..`, never too long for a file system.
 * Letters, digits, `_`, `-` and inner dots stay readable; other bytes become `%XX`; long names end in a digest.
 */
export const safeName = (text: string): string => {
  let name = '';
  for (const byte of Buffer.from(text)) {
    const character = String.fromCharCode(byte);
    const plain = /[A-Za-z0-9_-]/.test(character) || (character === '.' && name !== '');
    name += plain ? character : `%${byte.toString(16).padStart(2, '0').toUpperCase()}`;
  }
  if (name === '') return '%';
  if (name.length <= maxLength) return name;
  return `${name.slice(0, 100)}%-${createHash('sha256').update(text).digest('hex')}`;
};
