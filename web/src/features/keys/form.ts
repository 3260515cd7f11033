/** A key's terms as a form has them, and as the API takes them. Pure; the same rules as the API's. */

import type { Schemas } from '@/api/client';
import { KEY_BUDGET, problemWithUsd, typedUsd, usdField } from '@/ui/decimals';
import { allows, isPattern } from '@/ui/select/choices';

export type Key = Schemas['KeyOut'];
export type KeyBody = Schemas['KeyIn'];
export type KeyPatch = Schemas['KeyPatch'];
export type MemberRules = Schemas['MemberKeysOut'];

/** Called as the API calls them, so that a refusal finds its field. Empty: not limited. */
export type KeyForm = {
  name: string;
  budget_usd: string;
  budget_reset: 'never' | 'daily' | 'weekly' | 'monthly';
  allowed_models: string[];
  tags: string[];
  /** Of a `datetime-local` field: the clock on this wall. */
  expires_at: string;
  requests_per_minute: number | string;
  tokens_per_minute: number | string;
  concurrent_calls: number | string;
  max_output_tokens: number | string;
  bound_policy: Key['bound_policy'];
  disabled: boolean;
};

/** What trying out may propose to set. */
export type Proposed = Pick<KeyForm, 'budget_usd' | 'budget_reset' | 'allowed_models'>;

export const FIELDS = [
  'name',
  'budget_usd',
  'budget_reset',
  'allowed_models',
  'tags',
  'expires_at',
  'requests_per_minute',
  'tokens_per_minute',
  'concurrent_calls',
  'max_output_tokens',
  'bound_policy',
  'disabled',
] as const satisfies readonly (keyof KeyForm)[];

export const NEW: KeyForm = {
  name: '',
  budget_usd: '',
  budget_reset: 'monthly',
  allowed_models: [],
  tags: [],
  expires_at: '',
  requests_per_minute: '',
  tokens_per_minute: '',
  concurrent_calls: '',
  max_output_tokens: '',
  bound_policy: 'clamp_if_unset',
  disabled: false,
};

const LONGEST_NAME = 200;
const MOST_MODELS = 500;
const MOST_TAGS = 20;
const TAG = /^[A-Za-z0-9._:/=@-]{1,64}$/;

export const MOST = {
  requests_per_minute: 10_000_000,
  tokens_per_minute: 1_000_000_000_000,
  concurrent_calls: 100_000,
  max_output_tokens: 10_000_000,
} as const;

type Counted = keyof typeof MOST;
const COUNTED = Object.keys(MOST) as Counted[];

export function formOf(key: Key): KeyForm {
  return {
    name: key.name,
    budget_usd: usdField(key.budget_usd),
    budget_reset: key.budget_reset ?? 'never',
    allowed_models: key.allowed_models,
    tags: key.tags,
    expires_at: key.expires_at === null ? '' : wallClock(new Date(key.expires_at)),
    requests_per_minute: key.requests_per_minute ?? '',
    tokens_per_minute: key.tokens_per_minute ?? '',
    concurrent_calls: key.concurrent_calls ?? '',
    max_output_tokens: key.max_output_tokens ?? '',
    bound_policy: key.bound_policy,
    disabled: key.disabled,
  };
}

/** `2026-05-04T12:00` of this place, as a `datetime-local` field has it. */
export function wallClock(at: Date): string {
  const two = (part: number) => String(part).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

export function bodyOf(form: KeyForm): KeyBody {
  const budget = typedUsd(form.budget_usd);
  return {
    name: form.name.trim(),
    budget_usd: budget === '' ? null : budget,
    // A reset without a budget means nothing.
    budget_reset: budget === '' || form.budget_reset === 'never' ? null : form.budget_reset,
    allowed_models: form.allowed_models,
    tags: form.tags,
    expires_at: form.expires_at === '' ? null : new Date(form.expires_at).toISOString(),
    requests_per_minute: numberOf(form.requests_per_minute),
    tokens_per_minute: numberOf(form.tokens_per_minute),
    concurrent_calls: numberOf(form.concurrent_calls),
    max_output_tokens: numberOf(form.max_output_tokens),
    bound_policy: form.bound_policy,
  };
}

/** Only what was changed: what others changed meanwhile stays. */
export function patchOf(before: KeyForm, form: KeyForm): KeyPatch {
  const was: Record<string, unknown> = { ...bodyOf(before), disabled: before.disabled };
  const is: Record<string, unknown> = { ...bodyOf(form), disabled: form.disabled };
  const changed = FIELDS.filter((field) => JSON.stringify(was[field]) !== JSON.stringify(is[field]));
  return Object.fromEntries(changed.map((field) => [field, is[field]]));
}

/** The key as it will be, until the server says so itself. */
export function patched(key: Key, patch: KeyPatch): Key {
  const { disabled = key.disabled } = patch;
  const state = disabled ? 'disabled' : key.state === 'disabled' ? 'active' : key.state;
  return { ...key, ...(patch as Partial<Key>), disabled, state };
}

function numberOf(typed: number | string): number | null {
  return typed === '' ? null : Number(typed);
}

export type Problems = Partial<Record<keyof KeyForm, string>>;

/** `rules`: what members may give themselves; null for those who are bound by none. */
export function problemsOf(form: KeyForm, rules: MemberRules | null, now: Date): Problems {
  const found: Problems = {};
  const say = (field: keyof KeyForm, problem: string | null) => {
    if (problem !== null) found[field] = problem;
  };
  say('name', nameProblem(form.name));
  say('budget_usd', budgetProblem(form.budget_usd, rules));
  say('allowed_models', modelsProblem(form.allowed_models, rules));
  say('tags', tagsProblem(form.tags));
  say('expires_at', expiryProblem(form.expires_at, now));
  for (const field of COUNTED) say(field, countProblem(form[field], MOST[field]));
  return found;
}

function nameProblem(name: string): string | null {
  if (name.trim() === '') return 'Give the key a name';
  return name.trim().length > LONGEST_NAME ? `At most ${LONGEST_NAME} characters` : null;
}

function budgetProblem(budget: string, rules: MemberRules | null): string | null {
  const most = rules?.max_budget_usd ?? null;
  if (budget.trim() === '')
    return most === null ? null : `Your organisation asks for a budget of at most $${usdField(most)}`;
  const wrong = problemWithUsd(budget, KEY_BUDGET);
  if (wrong !== null || most === null) return wrong;
  const over = problemWithUsd(budget, { ...KEY_BUDGET, most });
  return over === null ? null : `Your organisation allows at most $${usdField(most)}`;
}

function modelsProblem(models: readonly string[], rules: MemberRules | null): string | null {
  if (models.length > MOST_MODELS) return `At most ${MOST_MODELS}; a beginning and * stands for many`;
  const wrong = models.find((model) => !isPattern(model));
  if (wrong !== undefined) return `“${wrong}” is no model, and no beginning of one with * at its end`;
  const allowed = rules?.allowed_models ?? [];
  if (allowed.length === 0) return null;
  if (models.length === 0) return 'Choose among the models that your organisation allows';
  const beyond = models.find((model) => !allowed.some((each) => covers(each, model)));
  return beyond === undefined ? null : `Your organisation does not allow ${beyond}`;
}

/** Whether all that the narrow pattern means is meant by the wide one. */
function covers(wide: string, narrow: string): boolean {
  if (!narrow.endsWith('*')) return allows(wide, narrow);
  return wide.endsWith('*') && allows(wide, narrow.slice(0, -1));
}

function tagsProblem(tags: readonly string[]): string | null {
  if (tags.length > MOST_TAGS) return `At most ${MOST_TAGS} tags`;
  const wrong = tags.find((tag) => !TAG.test(tag));
  return wrong === undefined ? null : `“${wrong}”: 1 to 64 letters, digits or any of . _ : / = @ -`;
}

function expiryProblem(typed: string, now: Date): string | null {
  if (typed === '') return null;
  const at = new Date(typed);
  if (Number.isNaN(at.getTime())) return 'Choose a day and a time';
  return at <= now ? 'Choose a moment in the future' : null;
}

function countProblem(typed: number | string, most: number): string | null {
  if (typed === '') return null;
  const value = Number(typed);
  if (!Number.isInteger(value) || value < 1) return 'A whole number from 1';
  return value > most ? `At most ${most.toLocaleString('en-US')}` : null;
}
