/** What a call's tokens come to by today's prices, class by class, exactly. Pure. In pico-dollars: a dollar per million
 *  tokens is a million pico-dollars per token. */

import type { Schemas } from '@/api/client';
import type { Model } from '@/api/models';

export type Receipt = Schemas['ReceiptOut'];
type Rates = Schemas['TierOut'];

export type BillLine = {
  name: string;
  tokens: number;
  /** Dollars per million tokens; null without a price. */
  rate: string | null;
  /** Exact dollars. */
  cost: string | null;
};

export type Bill = {
  lines: readonly BillLine[];
  /** These prices give what was charged, to the last digit. Otherwise they have changed, or the charge is no sum. */
  adds: boolean;
  /** The call was dearer because its input was larger than this. */
  above: number | null;
};

const PICO_PLACES = 12;
const PICOS_PER_NANO = 1000n;

export function billOf(receipt: Receipt, model: Model | undefined): Bill {
  const { tokens } = receipt;
  const rates = model === undefined ? null : ratesFor(model, tokens.input);
  const classes: readonly [string, number, keyof Rates][] = [
    ['Input', tokens.input - tokens.cached - tokens.cache_write, 'input_usd_per_million'],
    ['Input from cache', tokens.cached, 'cached_usd_per_million'],
    ['Input to cache', tokens.cache_write, 'cache_write_usd_per_million'],
    ['Output', tokens.output - tokens.reasoning, 'output_usd_per_million'],
    ['Reasoning', tokens.reasoning, 'reasoning_usd_per_million'],
  ];
  let sum = 0n;
  const lines = classes
    .filter(([name, count]) => count > 0 || name === 'Input' || name === 'Output')
    .map(([name, count, field]) => {
      if (rates === null) return { name, tokens: count, rate: null, cost: null };
      const rate = String(rates[field]);
      const cost = BigInt(count) * picosPerToken(rate);
      sum += cost;
      return { name, tokens: count, rate, cost: usdOfPicos(cost) };
    });
  const adds = rates !== null && roundedUp(sum) === BigInt(receipt.cost_nanos);
  return {
    lines,
    adds,
    above: rates === null || rates.above_input_tokens === 0 ? null : rates.above_input_tokens,
  };
}

/** The last tier whose threshold the input is above; the first one is the base. */
function ratesFor(model: Model, input: number): Rates | null {
  const tiers = model.pricing?.tiers ?? [];
  return tiers.filter((tier, place) => place === 0 || input > tier.above_input_tokens).at(-1) ?? null;
}

function picosPerToken(usdPerMillion: string): bigint {
  const [whole = '0', part = ''] = usdPerMillion.split('.');
  return BigInt(whole) * 1_000_000n + BigInt(part.slice(0, 6).padEnd(6, '0'));
}

function roundedUp(picos: bigint): bigint {
  return (picos + PICOS_PER_NANO - 1n) / PICOS_PER_NANO;
}

function usdOfPicos(picos: bigint): string {
  const text = picos.toString().padStart(PICO_PLACES + 1, '0');
  return `${text.slice(0, -PICO_PLACES)}.${text.slice(-PICO_PLACES)}`;
}
