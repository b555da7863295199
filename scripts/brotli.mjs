// Compresses a file, as small as it gets: `node scripts/brotli.mjs FILE TO`.
import { readFileSync, writeFileSync } from 'node:fs';
import { brotliCompressSync, constants as c } from 'node:zlib';

const [file, to] = process.argv.slice(2);
const bytes = readFileSync(file);
// How distances are written: which way is shortest changes with every program, by half a percent.
const ways = file.endsWith('.wasm') ? [[0, 0], [0, 8], [0, 15], [1, 0], [1, 12], [1, 16], [2, 8], [2, 16], [3, 0]] : [[0, 0]];
const packed = ways.map(([postfix, direct]) =>
  brotliCompressSync(bytes, {
    params: {
      [c.BROTLI_PARAM_QUALITY]: 11,
      [c.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      [c.BROTLI_PARAM_LGBLOCK]: 24,
      [c.BROTLI_PARAM_LGWIN]: 24,
      [c.BROTLI_PARAM_NPOSTFIX]: postfix,
      [c.BROTLI_PARAM_NDIRECT]: direct,
    },
  }),
);
writeFileSync(to, packed.reduce((best, one) => (one.length < best.length ? one : best)));
