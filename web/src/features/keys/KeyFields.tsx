import { Alert, Collapse, Grid, List, Select, Stack, Text, TextInput, UnstyledButton } from '@mantine/core';
import type { UseFormReturnType } from '@mantine/form';
import { IconChevronDown, IconChevronRight, IconInfoCircle } from '@tabler/icons-react';
import { useState } from 'react';
import { usdField } from '@/ui/decimals';
import { ModelSelect } from '@/ui/ModelSelect';
import { UsdInput } from '@/ui/UsdInput';
import type { KeyForm, MemberRules } from './form';
import { MORE, MoreFields } from './MoreFields';
import { RESETS } from './words';

export type Form = UseFormReturnType<KeyForm>;

type Props = { form: Form; rules: MemberRules | null };

/** A key's terms. Those that few people need wait under "More". */
export function KeyFields({ form, rules }: Props) {
  const [opened, setOpened] = useState(() => MORE.some((field) => form.isDirty(field)));
  const wrong = MORE.some((field) => form.errors[field] !== undefined);
  const shown = opened || wrong;
  return (
    <Stack gap="md">
      <TextInput
        label="Name"
        placeholder="CI of the web shop"
        required
        data-autofocus
        autoComplete="off"
        {...form.getInputProps('name')}
      />
      {rules !== null && <Rules rules={rules} />}
      <Grid gap="md" align="flex-start">
        <Grid.Col span={{ base: 12, xs: 6 }}>
          <UsdInput
            label="Budget in USD"
            placeholder={
              rules?.max_budget_usd == null ? 'Unlimited' : `At most ${usdField(rules.max_budget_usd)}`
            }
            {...form.getInputProps('budget_usd')}
          />
        </Grid.Col>
        <Grid.Col span={{ base: 12, xs: 6 }}>
          <Select
            label="Budget reset"
            data={RESETS}
            allowDeselect={false}
            disabled={form.values.budget_usd.trim() === ''}
            {...form.getInputProps('budget_reset')}
          />
        </Grid.Col>
      </Grid>
      <ModelSelect
        label="Allowed models"
        value={form.values.allowed_models}
        onChange={(models) => form.setFieldValue('allowed_models', models)}
        error={form.errors.allowed_models}
        description="Also beginnings, such as openai/* or claude-*"
        placeholder={rules !== null && rules.allowed_models.length > 0 ? 'Choose models' : 'All models'}
      />
      <UnstyledButton
        fz="sm"
        fw={500}
        aria-expanded={shown}
        onClick={() => setOpened(!shown)}
        style={{ display: 'inline-flex', alignItems: 'center', gap: 6, alignSelf: 'flex-start' }}
      >
        {shown ? <IconChevronDown size={16} aria-hidden /> : <IconChevronRight size={16} aria-hidden />}
        More: tags, expiry, rates
      </UnstyledButton>
      <Collapse expanded={shown}>
        <MoreFields form={form} />
      </Collapse>
    </Stack>
  );
}

function Rules({ rules }: { rules: MemberRules }) {
  const lines = [
    rules.max_budget_usd !== null && `A budget of at most $${usdField(rules.max_budget_usd)}`,
    rules.allowed_models.length > 0 && `Only these models: ${rules.allowed_models.slice(0, 8).join(', ')}`,
    rules.max_keys !== null && `At most ${rules.max_keys} keys for each member`,
  ].filter((line) => line !== false);
  if (lines.length === 0) return null;
  return (
    <Alert color="gray" icon={<IconInfoCircle aria-hidden />} title="Keys that members make have">
      <List size="sm">
        {lines.map((line) => (
          <List.Item key={line}>{line}</List.Item>
        ))}
      </List>
      <Text size="sm" mt={4}>
        An admin or a manager can give you more.
      </Text>
    </Alert>
  );
}
