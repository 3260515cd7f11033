import { Button, Group, SegmentedControl, Stack, Text } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconPlus } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { api, take } from '@/api/client';
import { Modal } from '@/ui/dialogs';
import { fieldErrors } from '@/ui/formErrors';
import { ModelSelect } from '@/ui/ModelSelect';
import { Failed } from '@/ui/states';
import { useNarrow } from '@/ui/useNarrow';
import { BudgetFields } from './BudgetFields';
import { Outcome } from './Outcome';
import {
  type Answer,
  type Applied,
  applied,
  bodyOf,
  MOST_BUDGETS,
  newBudget,
  type Proposal,
  problemsOf,
  RANGES,
  type Reset,
  type Scope,
} from './proposal';

const FIELDS = { 'budgets.budget_usd': 'budgets.*.budget_usd', 'budgets.reset': 'budgets.*.reset' };

type Props = {
  scope: Scope;
  /** Whose calls, in words. */
  name: string;
  /** What stands in the form at first. */
  start?: { budget_usd: string; reset: Reset; models: string[] };
  close: () => void;
  /** Leads to where this may be set; without it nothing is offered. */
  apply?: (proposal: Applied) => void;
};

/** Past calls under limits that somebody thinks of: nothing is changed by it. */
export function WhatIfDialog({ scope, name, start, close, apply }: Props) {
  const narrow = useNarrow();
  const [tried, setTried] = useState<Proposal | null>(null);
  const form = useForm<Proposal>({
    initialValues: {
      budgets: [newBudget(start?.budget_usd, start?.reset)],
      models: start?.models ?? [],
      days: '30',
    },
    validate: problemsOf,
  });
  const replay = useMutation({
    mutationFn: (proposal: Proposal): Promise<Answer> =>
      take(api.POST('/v1/ledger/what-if', { body: bodyOf(proposal, scope, new Date()) })),
    gcTime: 0,
  });
  function run(proposal: Proposal) {
    setTried(proposal);
    replay.mutate(proposal, { onError: (error) => form.setErrors(fieldErrors(error, FIELDS) ?? {}) });
  }
  return (
    <Modal opened onClose={close} size="lg" title={`What if: ${name}`} fullScreen={narrow}>
      <form noValidate onSubmit={form.onSubmit(run)}>
        <Stack gap="md">
          <Text size="sm" c="dimmed">
            Past calls are judged again under other limits, one after the other. Nothing is changed.
          </Text>
          {form.values.budgets.map((budget, at) => (
            <BudgetFields key={budget.key} form={form} at={at} />
          ))}
          <Button
            variant="subtle"
            size="compact-sm"
            style={{ alignSelf: 'flex-start' }}
            leftSection={<IconPlus size={14} aria-hidden />}
            disabled={form.values.budgets.length >= MOST_BUDGETS}
            onClick={() => form.insertListItem('budgets', newBudget('', 'daily'))}
          >
            Add a budget
          </Button>
          <ModelSelect
            label="Allowed models"
            value={form.values.models}
            onChange={(models) => form.setFieldValue('models', models)}
          />
          <Group justify="space-between" gap="sm">
            <SegmentedControl
              aria-label="Calls of"
              data={RANGES.map((range) => ({ ...range }))}
              {...form.getInputProps('days')}
            />
            <Button type="submit" loading={replay.isPending}>
              Try it
            </Button>
          </Group>
          {replay.error !== null && fieldErrors(replay.error, FIELDS) === null && (
            <Failed error={replay.error} what="It could not be tried" />
          )}
          {replay.data !== undefined && tried !== null && (
            <Outcome
              of={replay.data}
              tried={tried}
              apply={apply === undefined ? undefined : () => apply(applied(tried))}
            />
          )}
        </Stack>
      </form>
    </Modal>
  );
}
