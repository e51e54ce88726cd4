import { canonicalBytes, type JsonValue, type PartKind } from '@skein/domain';
import { bytesOf, type LoosePart, skillOf } from './sealed.ts';

/** A part that must be refused, and how. */
export interface HostilePart {
  readonly name: string;
  readonly outcome: string;
  readonly part: LoosePart;
}

const part = (name: string, outcome: string, kind: PartKind, value: JsonValue | Uint8Array | string): HostilePart => {
  const bytes =
    value instanceof Uint8Array ? value : typeof value === 'string' ? bytesOf(value) : canonicalBytes(value);
  return { name, outcome, part: { kind, name: kind === 'tools' ? 'tools' : 'deploy', bytes } };
};

const skill = (name: string, outcome: string, files: Parameters<typeof skillOf>[0]): HostilePart =>
  part(name, outcome, 'skill', skillOf(files));

const soul = { id: 'deploy', name: '', description: '', content: '' };
const emptySkill = { name: 'deploy', description: '', body: '', metadata: {} };
const server = {
  transport: { kind: 'http', url: 'http://127.0.0.1', headers: {} },
  secrets: [],
  startTimeoutMs: 1,
  callTimeoutMs: 1,
  maxResultBytes: 1,
};
const toolsWith = (fields: { [name: string]: JsonValue }): JsonValue => ({
  allow: [],
  bash: { allow: [], deny: [] },
  servers: { s: { ...server, ...fields } },
});

const syntax: readonly HostilePart[] = [
  part('of no bytes', 'bad_json', 'soul', new Uint8Array(0)),
  part('no JSON', 'bad_json', 'soul', '{'),
  part('two values', 'bad_json', 'soul', '{}{}'),
  part('no UTF-8', 'bad_json', 'soul', Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22)),
  part('an overlong slash', 'bad_json', 'soul', Uint8Array.of(0x22, 0xc0, 0xaf, 0x22)),
  part('a byte order mark', 'bad_json', 'soul', `\ufeff${JSON.stringify(soul)}`),
  part('a key twice', 'bad_json', 'soul', '{"id":"deploy","id":"deploy"}'),
  part('a key twice, once escaped', 'bad_json', 'soul', '{"id":"deploy","\\u0069d":"x"}'),
  part('__proto__ inside', 'bad_json', 'model', '{"parameters":{"__proto__":{"admin":true}}}'),
  part('__proto__, escaped', 'bad_json', 'model', '{"parameters":{"\\u005f_proto__":{}}}'),
  part('constructor inside', 'bad_json', 'model', '{"parameters":{"constructor":{"prototype":{}}}}'),
  part('prototype among servers', 'bad_json', 'tools', '{"servers":{"prototype":{}}}'),
  part('a lone high surrogate', 'bad_json', 'soul', '{"id":"\\ud800"}'),
  part('a lone low surrogate in a key', 'bad_json', 'soul', '{"\\udc00":1}'),
  part('10,000 brackets', 'bad_json', 'soul', '['.repeat(10_000)),
  part('10,000 objects deep', 'bad_json', 'soul', '{"a":'.repeat(10_000)),
  part('65 levels, closed', 'bad_json', 'model', `{"parameters":${'['.repeat(64)}${']'.repeat(64)}}`),
  part('a number beyond all numbers', 'bad_json', 'memory', '{"revision":1e999}'),
  part('a number of a million digits', 'bad_json', 'skill', `[${'9'.repeat(1_000_000)}]`),
  part('a text that does not end', 'bad_json', 'skill', `"${'x'.repeat(1_000_000)}`),
  part('a control character in a text', 'bad_json', 'soul', '{"id":"a\u0000b"}'),
  part('too many values', 'bad_json', 'skill', `[${'{},'.repeat(300_000)}1]`),
  part(
    '190,000 names in one object',
    'bad_json',
    'skill',
    `{${Array.from({ length: 210_000 }, (_, index) => `"${index.toString(36).padStart(9, 'k')}":0`).join(',')}}`,
  ),
];

const shapes: readonly HostilePart[] = [
  part('a list for an object', 'bad_part', 'soul', []),
  part('null', 'bad_part', 'memory', null),
  part('a number for a text', 'bad_part', 'soul', { ...soul, content: 1 }),
  part('a field that nobody reads', 'bad_part', 'soul', { ...soul, apiKey: 'sk-123' }),
  part('a field with an endless name', 'bad_part', 'soul', { ...soul, ['x'.repeat(200_000)]: 1 }),
  part('a text for a list of files', 'bad_part', 'skill', { ...emptySkill, files: 'all' }),
  part('a number for a file', 'bad_part', 'skill', { ...emptySkill, files: [7] }),
  part('a negative revision', 'bad_part', 'memory', { scope: 'deploy', revision: -1, text: '' }),
  part('a broken revision', 'bad_part', 'memory', { scope: 'deploy', revision: 1.5, text: '' }),
  part('an unknown provider', 'bad_part', 'model', { id: 'deploy', provider: 'evil', model: '', parameters: {} }),
  part('servers as a list', 'bad_part', 'tools', { allow: [], bash: { allow: [], deny: [] }, servers: [] }),
  part(
    'a server of another kind',
    'bad_part',
    'tools',
    toolsWith({ transport: { kind: 'file', path: '/etc/passwd' } }),
  ),
  part('a server with a value of a secret', 'bad_part', 'tools', toolsWith({ secretValues: { TOKEN: 'hunter2' } })),
  part('a server with endless time', 'bad_part', 'tools', toolsWith({ callTimeoutMs: 1e300 })),
  part('another kind of part', 'bad_part', 'memory', soul),
];

const longSegment = 'x'.repeat(513);
const paths: readonly (readonly [name: string, path: string])[] = [
  ['the parent', '..'],
  ['a way out', '../../etc/passwd'],
  ['a way out from inside', 'a/../../etc/passwd'],
  ['a way out at the end', 'a/..'],
  ['itself', './a'],
  ['an absolute path', '/etc/passwd'],
  ['two slashes in front', '//host/share'],
  ['a drive', 'C:/Windows/win.ini'],
  ['a drive without a slash', 'c:win.ini'],
  ['a backslash', 'a\\..\\..\\b'],
  ['a share', '\\\\host\\share'],
  ['a NUL', 'a\u0000.sh'],
  ['a line break', 'a\nb'],
  ['a delete character', 'a\u007f'],
  ['nothing', ''],
  ['an empty segment', 'a//b'],
  ['a slash at the end', 'a/'],
  ['one byte too many', longSegment],
  ['too many bytes in few characters', '\u{1f600}'.repeat(129)],
  ['a megabyte', 'x/'.repeat(500_000)],
  ['a segment that ends in a dot', 'a./b'],
  ['a segment that ends in a space', 'a /b'],
  ['full-width dots', '\uff0e\uff0e/x'],
  ['a leader of two dots', '\u2025/x'],
  ['a full-width slash', '..\uff0fx'],
  ['a full-width backslash', 'a\uff3cb'],
  ['text that turns its direction', 'a\u202efdp.sh'],
  ['a form that is not composed', 'u\u0308'],
  ['a device', 'con'],
  ['a device with an ending', 'a/NUL.txt'],
];

const collisions: readonly (readonly [name: string, a: string, b: string])[] = [
  ['the same twice', 'a', 'a'],
  ['case', 'README', 'readme'],
  ['the case of a folder', 'a/x', 'A/x'],
  ['sharp s', 'stra\u00dfe', 'STRASSE'],
  ['the Kelvin sign', '\u212a'.normalize('NFC'), 'k'],
  ['sigma', '\u03c3', '\u03c2'],
  ['a ligature', '\ufb01', 'FI'],
  ['a file where a folder must be', 'a', 'a/b'],
  ['a folder where a file must be', 'a/b', 'A'],
];

const links: readonly HostilePart[] = [0o120777, 0o40755, 0o4755, 0o10644, -1, 0.5, 1e9].map((mode) =>
  part(`a file of mode ${mode.toString(8)}`, 'bad_part', 'skill', {
    ...emptySkill,
    files: [{ path: 'a', mode, encoding: 'utf8', content: '/etc/passwd' }],
  }),
);

const files = (): readonly HostilePart[] => [
  ...paths.map(([name, path]) => skill(`a path: ${name}`, 'bad_path', [{ path }])),
  ...collisions.map(([name, a, b]) => skill(`two paths: ${name}`, 'bad_path', [{ path: a }, { path: b }])),
  ...links,
  part('a link by name', 'bad_part', 'skill', {
    ...emptySkill,
    files: [{ path: 'a', mode: 0o644, encoding: 'utf8', content: '', linkTo: '/etc/passwd' }],
  }),
  skill('content that is not base64', 'bad_part', [{ path: 'a', content: 'AAE*', encoding: 'base64' }]),
  skill('a megabyte that is not base64', 'bad_part', [
    { path: 'a', content: `${'AAAA'.repeat(250_000)}=AAA`, encoding: 'base64' },
  ]),
  skill('base64 without its padding', 'bad_part', [{ path: 'a', content: 'AAECA', encoding: 'base64' }]),
  part('an encoding that does not exist', 'bad_part', 'skill', {
    ...emptySkill,
    files: [{ path: 'a', mode: 0o644, encoding: 'gzip', content: '' }],
  }),
  skill(
    '2,049 files',
    'too_large',
    Array.from({ length: 2_049 }, (_, index) => ({ path: `f${index}` })),
  ),
  skill(
    '30,000 tiny files',
    'too_large',
    Array.from({ length: 30_000 }, (_, index) => ({ path: `f${index}` })),
  ),
  skill(
    '50,000 tiny files',
    'bad_json',
    Array.from({ length: 50_000 }, (_, index) => ({ path: `f${index}` })),
  ),
];

/** Parts whose digests are right and whose content is not. */
export const hostileParts = (): readonly HostilePart[] => [...syntax, ...shapes, ...files()];
