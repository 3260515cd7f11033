import { ActionIcon, Group, Select } from '@mantine/core';
import type { UseFormReturnType } from '@mantine/form';
import { IconTrash } from '@tabler/icons-react';
import { UsdInput } from '@/ui/UsdInput';
import type { Proposal } from './proposal';

const RESETS = [
  { value: 'daily', label: 'Every day' },
  { value: 'weekly', label: 'Every week' },
  { value: 'monthly', label: 'Every month' },
  { value: 'never', label: 'Never' },
];

export function BudgetFields({ form, at }: { form: UseFormReturnType<Proposal>; at: number }) {
  return (
    <Group gap="sm" align="flex-start" wrap="nowrap">
      <UsdInput
        label="Budget in USD"
        placeholder="25"
        flex={1}
        {...form.getInputProps(`budgets.${at}.budget_usd`)}
      />
      <Select
        label="Begins anew"
        flex={1}
        data={RESETS}
        allowDeselect={false}
        {...form.getInputProps(`budgets.${at}.reset`)}
      />
      {at > 0 && (
        <ActionIcon
          mt={27}
          size={34}
          variant="subtle"
          color="red"
          aria-label={`Remove budget ${at + 1}`}
          onClick={() => form.removeListItem('budgets', at)}
        >
          <IconTrash size={16} aria-hidden />
        </ActionIcon>
      )}
    </Group>
  );
}
