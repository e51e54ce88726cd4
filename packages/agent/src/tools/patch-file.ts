import { DomainError, type JsonObject, type JsonValue } from '@skein/domain';
import type { ToolHost } from '@skein/ports';
import { objectOf, textField } from './input-fields.ts';
import { jailedPath } from './jailed-path.ts';

/** Largest file that can be patched, before and after, bytes. */
const maxFileBytes = 1024 * 1024;
const maxEdits = 100;

/**
 * One call of `patch`: exact replacements, one after the other, each of a passage that occurs once. The file is written once, after
 * all of them fit; whatever is wrong, it stays as it was. Throws `invalid_argument`, `not_found`, `too_large`, `permission_denied`.
 */
export const patchFile = async (toolHost: ToolHost, root: string, input: JsonValue): Promise<JsonObject> => {
  const path = jailedPath(textField(input, 'path'));
  const edits = readEdits(input);
  const file = await toolHost.readFile(root, path, maxFileBytes);
  if (file.truncated) throw tooLarge(file.bytes);
  const text = edits.reduce(applyEdit, file.text);
  const bytes = new TextEncoder().encode(text);
  if (bytes.byteLength > maxFileBytes) throw tooLarge(bytes.byteLength);
  await toolHost.writeFile(root, path, bytes, file.mode);
  return { path, edits: edits.length, bytes: bytes.byteLength };
};

interface Edit {
  readonly find: string;
  readonly replace: string;
}

const readEdits = (input: JsonValue): readonly Edit[] => {
  const edits = objectOf(input)?.['edits'];
  if (!Array.isArray(edits) || edits.length === 0 || edits.length > maxEdits) {
    throw new DomainError('invalid_argument', `the input needs a list "edits" of 1 to ${maxEdits} edits`);
  }
  return edits.map((edit) => ({ find: textField(edit, 'find'), replace: textField(edit, 'replace') }));
};

const applyEdit = (text: string, { find, replace }: Edit, index: number): string => {
  const nothingChanged = 'the file is unchanged';
  if (find === '') throw new DomainError('invalid_argument', `edit ${index + 1}: "find" is empty; ${nothingChanged}`);
  const at = text.indexOf(find);
  if (at < 0) throw new DomainError('invalid_argument', `edit ${index + 1}: "find" does not occur; ${nothingChanged}`);
  if (text.indexOf(find, at + 1) >= 0) {
    throw new DomainError('invalid_argument', `edit ${index + 1}: "find" occurs more than once; ${nothingChanged}`);
  }
  return text.slice(0, at) + replace + text.slice(at + find.length);
};

const tooLarge = (actual: number): DomainError =>
  new DomainError('too_large', `only files of at most ${maxFileBytes} bytes can be patched`, {
    limit: maxFileBytes,
    actual,
  });
