// Makes rollout-positions.json: what every build must answer for ever, computed by node:crypto and nothing of ours.
//   node packages/domain/test-data/make-rollout-positions.mjs > packages/domain/test-data/rollout-positions.json
import { createHash } from 'node:crypto';

const count = 1_000;
const seed = 'skein rollout positions 1';
const alphabets = [
  Array.from('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/@'),
  Array.from('äöüßéñçøåÆœłžşİıÿ\u007f\u0080\u07ff\u0800\uffff\ue000\ufeff'),
  Array.from('日本語中文한국어ไทยहिन्दीالعربيةעברית'),
  Array.from('😀🧶🦆👩‍💻🇩🇪𝒳𐍈\u{10000}\u{10ffff}\u{1f3fb}'),
  Array.from(' \t\n\r\u0001\u001f"\\\'\u00a0\u2028\u2029\u200d\u0301'),
];

let draws = 0;
const draw = (limit) => {
  draws += 1;
  return createHash('sha256').update(`${seed} ${draws}`).digest().readUInt32BE(0) % limit;
};
const textOf = (length) => {
  const letters = draw(3) === 0 ? alphabets.flat() : alphabets[draw(alphabets.length)];
  let text = '';
  while (Array.from(text).length < length) text += letters[draw(letters.length)];
  return text;
};
const position = (salt, unit) =>
  createHash('sha256')
    .update(Buffer.from(`rollout/v1\0${salt}\0${unit}`, 'utf8'))
    .digest()
    .readUInt32BE(0);

const pairs = [
  ['', ''],
  ['', 'unit'],
  ['salt', ''],
  ['a', 'b:c'],
  ['a:b', 'c'],
  ['ab', 'c'],
  ['a', 'bc'],
  [' salt', 'unit '],
  ['é', 'e\u0301'],
  ['e\u0301', 'é'],
  ['\ufeffsalt', 'unit'],
  ['x'.repeat(10_240), 'unit'],
  ['salt', 'x'.repeat(10_240)],
  ['salt', '🧶'.repeat(2_560)],
  ['ü'.repeat(5_120), 'ü'.repeat(5_120)],
  // Lengths around a block of SHA-256, with the eleven bytes of the prefix and the NUL between.
  ...[42, 43, 44, 51, 52, 53, 106, 107, 108, 115, 116, 117].map((length) => ['', 'u'.repeat(length)]),
];

/** Units whose positions are the nearest to either end and to each quarter of the circle, among many. */
const nearest = (target) => {
  let best = ['boundary', '0'];
  let distance = Infinity;
  for (let index = 0; index < 50_000; index += 1) {
    const away = Math.abs(position('boundary', `unit-${index}`) - target);
    if (away >= distance) continue;
    distance = away;
    best = ['boundary', `unit-${index}`];
  }
  return best;
};
for (let quarter = 0; quarter <= 4; quarter += 1) pairs.push(nearest(quarter * 2 ** 30));

while (pairs.length < count) pairs.push([textOf(draw(24)), textOf(draw(40))]);

const vectors = pairs.map(([salt, unit]) => ({ salt, unit, position: position(salt, unit) }));
process.stdout.write(`${JSON.stringify(vectors, null, 2)}\n`);
