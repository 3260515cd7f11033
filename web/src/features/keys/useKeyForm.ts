import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { seesAll, useMe } from '@/api/me';
import { fieldErrors } from '@/ui/formErrors';
import { FIELDS, type KeyForm, type MemberRules, problemsOf } from './form';
import type { Form } from './KeyFields';
import { memberRulesQuery } from './queries';

/** Ours have the API's own names. */
const NAMES = Object.fromEntries(FIELDS.map((field) => [field, field]));

export type KeyFormState = {
  form: Form;
  rules: MemberRules | null;
  /** Puts a refusal at its field; what is about no field is shown by whoever asked. */
  refused: (error: unknown) => void;
  isAboutField: (error: unknown) => boolean;
};

export function useKeyForm(start: KeyForm, before?: KeyForm): KeyFormState {
  const free = seesAll(useMe());
  const asked = useQuery({ ...memberRulesQuery, enabled: !free });
  const rules = free ? null : (asked.data ?? null);
  const form = useForm<KeyForm>({
    initialValues: start,
    validate: (values) => ours(values, rules, before),
  });
  return {
    form,
    rules,
    refused: (error) => form.setErrors(fieldErrors(error, NAMES) ?? {}),
    isAboutField: (error) => fieldErrors(error, NAMES) !== null,
  };
}

/** What is wrong; an expiry that has passed may stay as it was. */
function ours(values: KeyForm, rules: MemberRules | null, before: KeyForm | undefined) {
  const found = problemsOf(values, rules, new Date());
  if (before !== undefined && before.expires_at === values.expires_at) delete found.expires_at;
  return found;
}
