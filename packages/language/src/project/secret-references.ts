import { isSecretName } from '../dag/secret-fields.ts';

/** What a text says about secrets. */
export interface SecretReferences {
  /** Names in `${secrets.NAME}`, in the order of the text. */
  readonly names: readonly string[];
  /** There is a `${` that begins no reference to a secret. */
  readonly isStray: boolean;
}

/** Finds `${secrets.NAME}` in a value of `env` or `headers`, up to the first `${` that is something else. */
export const findSecretReferences = (text: string): SecretReferences => {
  const names: string[] = [];
  for (let at = text.indexOf('${'); at !== -1; at = text.indexOf('${', at + 2)) {
    const end = text.indexOf('}', at);
    const inner = end === -1 ? '' : text.slice(at + 2, end);
    const name = inner.startsWith('secrets.') ? inner.slice('secrets.'.length) : '';
    // Looking on would take quadratic time for a text of nothing but openings.
    if (!isSecretName(name)) return { names, isStray: true };
    names.push(name);
  }
  return { names, isStray: false };
};

const credentialName = /authori[sz]ation|token|secret|passw(?:or)?d|credential|cookie|key$|(?:^|[^a-z])key/i;
const credentialValue = /^(?:bearer|basic)\s+\S/i;
const harmless = /^(?:|true|false|\d{1,6})$/;
const alwaysSecret = /authori[sz]ation|passw(?:or)?d|cookie/i;

/** True when a value of this name is probably a credential and is written down rather than referred to (S3). */
export const looksLikeCredential = (name: string, value: string): boolean => {
  if (value === '' || findSecretReferences(value).names.length > 0) return false;
  if (credentialValue.test(value)) return true;
  return credentialName.test(name) && (alwaysSecret.test(name) || !harmless.test(value));
};
