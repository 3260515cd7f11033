import { Grid, NumberInput, Select, Stack, TagsInput, TextInput } from '@mantine/core';
import { type KeyForm, MOST } from './form';
import type { Form } from './KeyFields';
import { POLICIES } from './words';

export const MORE = [
  'tags',
  'expires_at',
  'requests_per_minute',
  'tokens_per_minute',
  'concurrent_calls',
  'max_output_tokens',
  'bound_policy',
] as const satisfies readonly (keyof KeyForm)[];

const COUNTS = [
  { field: 'requests_per_minute', label: 'Requests per minute' },
  { field: 'tokens_per_minute', label: 'Tokens per minute' },
  { field: 'concurrent_calls', label: 'Calls at once' },
  { field: 'max_output_tokens', label: 'Most output tokens', placeholder: 'The installation’s default' },
] as const;

export function MoreFields({ form }: { form: Form }) {
  const policy = POLICIES.find((each) => each.value === form.values.bound_policy);
  return (
    <Stack gap="md">
      <Grid gap="md" align="flex-start">
        <Grid.Col span={{ base: 12, xs: 6 }}>
          <TagsInput
            label="Tags"
            placeholder={form.values.tags.length === 0 ? 'team:web, prod' : ''}
            splitChars={[',', ' ']}
            {...form.getInputProps('tags')}
          />
        </Grid.Col>
        <Grid.Col span={{ base: 12, xs: 6 }}>
          <TextInput type="datetime-local" label="Expires" {...form.getInputProps('expires_at')} />
        </Grid.Col>
        {COUNTS.map(({ field, label, ...rest }) => (
          <Grid.Col key={field} span={{ base: 12, xs: 6 }}>
            <NumberInput
              label={label}
              placeholder={'placeholder' in rest ? rest.placeholder : 'Unlimited'}
              min={1}
              max={MOST[field]}
              clampBehavior="none"
              allowDecimal={false}
              allowNegative={false}
              thousandSeparator=","
              {...form.getInputProps(field)}
            />
          </Grid.Col>
        ))}
      </Grid>
      <Select
        label="When a call may cost more than the budget covers"
        description={policy?.means}
        data={POLICIES.map(({ value, label }) => ({ value, label }))}
        allowDeselect={false}
        {...form.getInputProps('bound_policy')}
      />
    </Stack>
  );
}
