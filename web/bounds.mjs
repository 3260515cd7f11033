/** The most that the API takes, out of docs/openapi.json: forms say the same, and say it before anything is sent. */

import { readFileSync, writeFileSync } from 'node:fs';

/** Name in the dashboard, shape and field of the API. */
const BOUNDS = [
  ['MOST_KEY_BUDGET_USD', 'KeyPatch', 'budget_usd'],
  ['MOST_LIMIT_USD', 'WindowIn', 'budget_usd'],
];

const { schemas } = JSON.parse(
  readFileSync(new URL('../docs/openapi.json', import.meta.url), 'utf8'),
).components;

function mostOf(shape, field) {
  const found = (schemas[shape]?.properties[field]?.anyOf ?? []).find(
    (each) => each.type === 'number',
  )?.maximum;
  if (found === undefined) throw new Error(`docs/openapi.json has no maximum for ${shape}.${field}`);
  return String(found);
}

const lines = BOUNDS.map(([name, shape, field]) => `export const ${name} = '${mostOf(shape, field)}';\n`);
writeFileSync(
  new URL('src/api/bounds.ts', import.meta.url),
  `/** Made by bounds.mjs from docs/openapi.json; decimal texts, as money is everywhere. */\n\n${lines.join('')}`,
);
