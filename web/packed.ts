/** Writes `x.br` and `x.gz` beside each text that the build made, so that the server packs nothing while somebody waits. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

const TEXT = /\.(css|js|svg)$/;
/** Below this the head of the answer is larger than what would be saved. */
const LEAST_BYTES = 1_000;

function brotli(body: Buffer): Buffer {
  return brotliCompressSync(body, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: body.length,
    },
  });
}

export function packed(): Plugin {
  let directory = '';
  return {
    name: 'packed',
    apply: 'build',
    configResolved(config) {
      directory = join(config.root, config.build.outDir);
    },
    closeBundle() {
      for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
        if (!TEXT.test(name)) continue;
        const body = readFileSync(join(directory, name));
        if (body.length < LEAST_BYTES) continue;
        writeFileSync(join(directory, `${name}.br`), brotli(body));
        writeFileSync(join(directory, `${name}.gz`), gzipSync(body, { level: 9 }));
      }
    },
  };
}
