/** What values of a dimension are called, and which may be typed. Pure. */

import type { Rule } from '@/ui/values/choices';
import { plainName } from './chips';
import type { Dimension } from './filters';

const FIXED: Partial<Record<Dimension, readonly string[]>> = { source: ['proxy', 'otlp'] };
const FREE = new Set<Dimension>(['model', 'provider', 'vendor', 'tool']);

export function ruleOf(dimension: Dimension): Rule {
  return {
    nameOf: (value, name) => (value === '' ? `No ${dimension}` : (name ?? plainName(dimension, value))),
    fixed: FIXED[dimension] ?? [],
    free: FREE.has(dimension),
  };
}
