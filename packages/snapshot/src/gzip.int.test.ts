import { createHash } from 'node:crypto';
import { constants, deflateRawSync, gunzipSync, gzipSync, inflateRawSync } from 'node:zlib';
import { fastestMs } from '@skein/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gunzip, gzip, gzipSlices } from './gzip.ts';
import { inflate } from './inflate.ts';
import { inSlices } from './slices.ts';

const limit = 256 * 1024;
const reasonOf = (bytes: Uint8Array, maxBytes = limit): string => {
  try {
    gunzip(bytes, maxBytes);
    return 'accepted';
  } catch (thrown) {
    const { code, details } = thrown as { code?: string; details?: { reason?: string } };
    return details?.reason ?? code ?? `threw ${String(thrown)}`;
  }
};
/** Bytes that compress a little, as parts do. */
const sample = (length: number): Uint8Array => Uint8Array.from({ length }, (_, at) => (at * at + (at >> 3)) & 0x3f);
const changed = (bytes: Uint8Array, at: number, mask = 0xff): Uint8Array => {
  const copy = bytes.slice();
  copy[at] = (copy[at] as number) ^ mask;
  return copy;
};
const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

describe('the gzip form', () => {
  test('brings any bytes back, and is gzip to others', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), (bytes) => {
        const packed = gzip(bytes);
        expect(gunzip(packed, limit)).toEqual(bytes);
        expect(new Uint8Array(gunzipSync(packed))).toEqual(bytes);
      }),
    );
  });

  test('reads what any deflate makes, at every level and with every strategy', () => {
    const { Z_DEFAULT_STRATEGY, Z_FILTERED, Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE } = constants;
    const texts = fc.array(fc.constantFrom('a', 'bc', 'the same text again and again ', '\u{1f600}', '\n'), {
      maxLength: 400,
    });
    const contents = fc.oneof(
      fc.uint8Array({ maxLength: 2_000 }),
      texts.map((list) => new TextEncoder().encode(list.join(''))),
    );
    const levels = fc.record({
      level: fc.nat(9),
      strategy: fc.constantFrom(Z_DEFAULT_STRATEGY, Z_FILTERED, Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE),
      memLevel: fc.integer({ min: 1, max: 9 }),
    });
    fc.assert(
      fc.property(contents, levels, fc.nat(3_000), (content, options, hint) => {
        const bytes = joined(deflateRawSync(content, options), new Uint8Array(8));
        expect(inflate(bytes, 0, hint, limit)).toEqual({ content, end: bytes.length - 8 });
      }),
      { numRuns: 400 },
    );
  });

  test('says of any bytes what the inflater of the system says of them', () => {
    const base = new Uint8Array(deflateRawSync(sample(3_000)));
    const flips = fc.array(fc.nat(base.length * 8 - 1), { minLength: 1, maxLength: 3 });
    const any = fc.oneof(
      flips.map((bits) => bits.reduce<Uint8Array>((bytes, bit) => changed(bytes, bit >> 3, 1 << (bit & 7)), base)),
      fc.uint8Array({ maxLength: 60 }),
    );
    fc.assert(
      fc.property(any, (bytes) => {
        // Zeros at the end are a reserved nothing for both.
        const padded = joined(bytes, new Uint8Array(16));
        let expected: Uint8Array | undefined;
        try {
          expected = new Uint8Array(inflateRawSync(padded, { maxOutputLength: limit }));
        } catch {}
        let actual: Uint8Array | undefined;
        try {
          const inflated = inflate(padded, 0, 0, limit);
          if (inflated.end !== undefined) actual = inflated.content;
        } catch {}
        expect(actual?.length).toBe(expected?.length);
        if (actual !== undefined && expected !== undefined) expect(Buffer.compare(actual, expected)).toBe(0);
      }),
      { numRuns: 2_000 },
    );
  });

  test('believes a claimed size only as far as the bytes could hold it', () => {
    const few = joined(deflateRawSync(sample(100)), new Uint8Array(8));
    expect(inflate(few, 0, 0xffffffff, 2 ** 24).content.buffer.byteLength).toBeLessThanOrEqual(1_032 * few.length);
    const dense = joined(deflateRawSync(new Uint8Array(limit), { level: 9 }), new Uint8Array(8));
    const { content } = inflate(dense, 0, limit, limit);
    expect([content.length, content.buffer.byteLength]).toEqual([limit, limit]);
  });

  test('holds for content of many blocks and slices, up to the limit exactly', () => {
    for (const content of [sample(limit), new Uint8Array(limit), createNoise(limit)]) {
      expect(Buffer.compare(gunzip(gzip(content), limit), content)).toBe(0);
      expect(reasonOf(gzip(content), limit - 1)).toBe('too_large');
    }
  });

  test.each<[string, (length: number) => Uint8Array]>([
    ['zeros', (length) => new Uint8Array(length)],
    ['noise', createNoise],
    ['what repeats after a window', (length) => repeated(createNoise(32 * 1024), length)],
    ['what repeats just after a window', (length) => repeated(createNoise(32 * 1024 + 1), length)],
    ['what repeats at the end of a slice', (length) => repeated(sample(128 * 1024 - 3), length)],
    ['text', (length) => repeated(new TextEncoder().encode('the same text again and again '), length)],
  ])('holds for %s that is packed in slices, up to both sides of the end of a slice', (_name, make) => {
    for (const length of [128 * 1024 + 1, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1]) {
      const content = make(length);
      const packed = gzip(content);
      expect(Buffer.compare(gunzipSync(packed), content)).toBe(0);
      expect(Buffer.compare(gunzip(packed, content.length), content)).toBe(0);
    }
  });

  test('is the same when others have their turn between its slices, and they do', async () => {
    const content = repeated(sample(70_001), 400_000);
    let pauses = 0;
    const slowly = await inSlices(gzipSlices(content), async () => {
      pauses += 1;
    });
    expect(Buffer.compare(slowly, gzip(content))).toBe(0);
    expect(pauses).toBe(3);
  });

  test('of large content is the same bytes on every machine too', () => {
    const digest = createHash('sha256')
      .update(gzip(sample(300_000)))
      .digest('hex');
    expect(digest).toMatchInlineSnapshot(`"ac62193fa1503a10c8b08848d32de64a24769ef2d29aa00b2e92e3eef59d5423"`);
  });

  test('is the same bytes on every machine and at every time', () => {
    const digest = createHash('sha256')
      .update(gzip(sample(100_000)))
      .digest('hex');
    expect(digest).toMatchInlineSnapshot(`"6fe430984f18236d8e2c30e14fc218f2af955acc79db74fce219a7791bfe3000"`);
    expect([...gzip(new Uint8Array(0)).subarray(0, 10)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
  });
});

describe('bytes that are not one gzip member', () => {
  const packed = gzip(sample(20_000));
  const trailer = packed.length - 8;

  test.each([
    ['nothing', new Uint8Array(0), 'truncated'],
    ['another magic', changed(packed, 0), 'bad_gzip'],
    ['another method', changed(packed, 2), 'bad_gzip'],
    ['flags', changed(packed, 3, 8), 'bad_gzip'],
    ['a time', changed(packed, 4), 'bad_gzip'],
    ['the header of another tool', new Uint8Array(gzipSync(sample(10))), 'bad_gzip'],
    ['a reserved block type', joined(packed.subarray(0, 10), Uint8Array.of(7), packed.subarray(11)), 'bad_gzip'],
    ['another checksum', changed(packed, trailer), 'bad_crc'],
    ['another length', changed(packed, trailer + 4), 'bad_length'],
    ['one byte after it', joined(packed, Uint8Array.of(0)), 'trailing_bytes'],
    ['three bytes after it', joined(packed, Uint8Array.of(0, 0, 0)), 'trailing_bytes'],
    ['many bytes after it', joined(packed, new Uint8Array(9_000)), 'trailing_bytes'],
    ['a second member', joined(packed, packed), 'second_member'],
    ['an empty second member', joined(packed, new Uint8Array(gzipSync(new Uint8Array(0)))), 'second_member'],
    ['only a header', packed.slice(0, 10), 'truncated'],
  ])('%s is refused', (_name, bytes, reason) => {
    expect(reasonOf(bytes)).toBe(reason);
  });

  test('are told to be cut, wherever they are cut', () => {
    const small = gzip(sample(600));
    for (let length = 0; length < small.length; length++)
      expect([length, reasonOf(small.slice(0, length))]).toEqual([length, 'truncated']);
    for (let percent = 0; percent < 100; percent++) {
      expect(reasonOf(packed.slice(0, Math.floor((packed.length * percent) / 100)))).toBe('truncated');
    }
  });

  // Some bits carry nothing: the padding after the last block.
  test('never pass with other content than was packed, whichever bit is flipped', () => {
    const content = sample(150);
    const small = gzip(content);
    const refusals = ['bad_gzip', 'bad_crc', 'bad_length', 'truncated', 'trailing_bytes', 'second_member', 'too_large'];
    for (let bit = 0; bit < small.length * 8; bit++) {
      const flipped = changed(small, bit >> 3, 1 << (bit & 7));
      const reason = reasonOf(flipped);
      if (reason === 'accepted') expect(gunzip(flipped, limit)).toEqual(content);
      else expect(refusals).toContain(reason);
    }
  });

  test('that are any bytes at all behind the right header end in a typed refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(reasonOf(joined(packed.subarray(0, 10), bytes))).not.toMatch(/^threw/);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a bomb', () => {
  const bomb = gzip(new Uint8Array(128 * limit));

  test('of a thousand to one is stopped soon after the limit', () => {
    expect(bomb.length).toBeLessThan((128 * limit) / 800);
    try {
      gunzip(bomb, limit);
      expect.unreachable();
    } catch (thrown) {
      const { code, details } = thrown as { code: string; details: { limit: number; actual: number } };
      expect(code).toBe('too_large');
      expect(details.limit).toBe(limit);
      expect(details.actual).toBe(limit + 1);
    }
  });

  test('in a second member is not inflated at all', () => {
    expect(reasonOf(joined(gzip(sample(10)), bomb))).toBe('second_member');
  });

  test('whose trailer lies about its length is stopped too', () => {
    const lying = bomb.slice();
    lying.fill(0, lying.length - 4);
    expect(reasonOf(lying)).toBe('too_large');
  });
});

describe('a stream that is made to take long', () => {
  const member = (block: Uint8Array): Uint8Array => {
    const bytes = new Uint8Array(1024 * 1024);
    bytes.set(gzip(new Uint8Array(0)).subarray(0, 10));
    for (let at = 10; at + block.length < bytes.length; at += block.length) bytes.set(block, at);
    return bytes;
  };

  // Four empty blocks of ten bits; one of no bytes; eight whose codes have two symbols of one bit. Nothing comes out of any.
  test.each([
    ['fixed codes', Uint8Array.of(0x02, 0x08, 0x20, 0x80, 0x00)],
    ['nothing stored', Uint8Array.of(0, 0, 0, 0xff, 0xff)],
    ['codes of their own', emptyDynamicBlocks()],
  ])(
    'by empty blocks of %s takes no time to speak of for a block',
    (_name, block) => {
      const bytes = member(block);
      const takenMs = fastestMs(8_000, () => expect(reasonOf(bytes)).toMatch(/bad_gzip|truncated/));
      expect(takenMs).toBeLessThan(8_000);
    },
    120_000,
  );
});

/** Eight empty blocks with the shortest codes that there are, in whole bytes. */
function emptyDynamicBlocks(): Uint8Array {
  // Not the last, dynamic; 257 literals, 1 distance, 18 lengths of codes: of 18 and 1 one bit each.
  const lengths = [0, 0, 1, ...Array.from({ length: 14 }, () => 0), 1].map((length) => [length, 3] as const);
  // 138 and 118 zeros, the end of the block, one distance; then the end.
  const codes = [
    [1, 1],
    [127, 7],
    [1, 1],
    [107, 7],
    [0, 1],
    [0, 1],
    [0, 1],
  ] as const;
  const block = [[0, 1], [2, 2], [0, 5], [0, 5], [14, 4], ...lengths, ...codes] as const;
  const bits = Array.from({ length: 8 }, () => block)
    .flat()
    .flatMap(([value, count]) => Array.from({ length: count }, (_, bit) => (value >> bit) & 1));
  return Uint8Array.from({ length: bits.length / 8 }, (_, at) =>
    bits.slice(8 * at, 8 * at + 8).reduce((byte, bit, index) => byte | (bit << index), 0),
  );
}

function repeated(bytes: Uint8Array, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => bytes[at % bytes.length] as number);
}

function createNoise(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}
