import { describe, expect, it } from 'vitest';
import type { Model } from '@/api/models';
import { billOf, type Receipt } from './bill';

const base = {
  above_input_tokens: 0,
  input_usd_per_million: '2.500000',
  cached_usd_per_million: '1.250000',
  cache_write_usd_per_million: '2.500000',
  output_usd_per_million: '10.000000',
  reasoning_usd_per_million: '10.000000',
};
const dear = { ...base, above_input_tokens: 1_000, input_usd_per_million: '5.000000' };
const MODEL = { id: 'openai/gpt-4o', pricing: { ...base, tiers: [base, dear] } } as unknown as Model;

function receipt(tokens: Partial<Receipt['tokens']>, cost: number): Receipt {
  const none = { input: 0, cached: 0, cache_write: 0, output: 0, reasoning: 0 };
  return { tokens: { ...none, ...tokens }, cost_nanos: cost } as Receipt;
}

describe('a bill', () => {
  it('counts parts apart from their wholes and adds up to the charge', () => {
    const bill = billOf(receipt({ input: 100, cached: 40, output: 20, reasoning: 5 }, 400_000), MODEL);
    expect(bill.lines).toEqual([
      { name: 'Input', tokens: 60, rate: '2.500000', cost: '0.000150000000' },
      { name: 'Input from cache', tokens: 40, rate: '1.250000', cost: '0.000050000000' },
      { name: 'Output', tokens: 15, rate: '10.000000', cost: '0.000150000000' },
      { name: 'Reasoning', tokens: 5, rate: '10.000000', cost: '0.000050000000' },
    ]);
    expect(bill.adds).toBe(true);
  });

  it('is rounded up once, to the nano-dollar', () => {
    const cheap = { ...base, input_usd_per_million: '0.000100' };
    const model = { ...MODEL, pricing: { ...cheap, tiers: [cheap] } } as Model;
    expect(billOf(receipt({ input: 15 }, 2), model).adds).toBe(true);
    expect(billOf(receipt({ input: 15 }, 1), model).adds).toBe(false);
  });

  it('takes the rates of the tier that the input reaches', () => {
    expect(billOf(receipt({ input: 1_000 }, 2_500_000), MODEL)).toMatchObject({ adds: true, above: null });
    expect(billOf(receipt({ input: 1_001 }, 5_005_000), MODEL)).toMatchObject({ adds: true, above: 1_000 });
  });

  it('has no prices for a model without any', () => {
    const bill = billOf(receipt({ input: 5 }, 0), undefined);
    expect(bill.lines[0]).toEqual({ name: 'Input', tokens: 5, rate: null, cost: null });
    expect(bill.adds).toBe(false);
  });
});
