import { Alert, Button, Group, Stack, Text } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconPlus } from '@tabler/icons-react';
import { fieldErrors } from '@/ui/formErrors';
import { done } from '@/ui/notices';
import { Failed } from '@/ui/states';
import { Modal } from '../dialogs';
import { type Limit, type Place, useSetBudgets } from './api';
import { WindowFields } from './WindowFields';
import { bodyOf, formOf, MOST_WINDOWS, newWindow, problemsOf, type WindowForm } from './windows';

/** The API's fields as the form has them. */
const FIELDS = {
  'budgets.budget_usd': 'windows.*.budget',
  'budgets.reset': 'windows.*.reset',
  'budgets.models': 'windows.*.models',
  'budgets.thresholds': 'windows.*.thresholds',
};

type Props = { place: Place; name: string; limits: Limit[]; close: () => void };

/** All budgets of a place in one form: the API takes the whole set. */
export function BudgetsModal({ place, name, limits, close }: Props) {
  const set = useSetBudgets(place);
  const form = useForm<{ windows: WindowForm[] }>({
    initialValues: { windows: startOf(limits) },
    validate: (values) => problemsOf(values.windows),
  });
  const { windows } = form.values;
  const before = limits.filter((limit) => !limit.main).length;
  const general = set.error !== null && fieldErrors(set.error, FIELDS) === null;
  function save(values: { windows: WindowForm[] }) {
    set.mutate(bodyOf(values.windows), {
      onSuccess: () => {
        done(values.windows.length === 0 ? 'The budgets were taken away' : 'The budgets are in force');
        close();
      },
      onError: (error) => form.setErrors(fieldErrors(error, FIELDS) ?? {}),
    });
  }
  return (
    <Modal opened onClose={close} title={`Budgets of ${name}`} size="lg">
      <form onSubmit={form.onSubmit(save)} noValidate>
        <Stack gap="md">
          <Text size="sm" c="dimmed">
            A call is admitted when every budget that it counts in still has room for it.
          </Text>
          {windows.map((window, at) => (
            <WindowFields
              key={window.key}
              form={form}
              at={at}
              remove={() => form.removeListItem('windows', at)}
            />
          ))}
          {windows.length === 0 && before > 0 && (
            <Alert color="yellow" title="No budget is left">
              When you save, nothing is refused here any more.
            </Alert>
          )}
          {general && <Failed error={set.error} what="The budgets stay as they were" />}
          <Group justify="space-between">
            <Button
              variant="subtle"
              size="sm"
              leftSection={<IconPlus size={16} aria-hidden />}
              disabled={windows.length >= MOST_WINDOWS}
              onClick={() => form.insertListItem('windows', newWindow())}
            >
              Add a budget
            </Button>
            <Group gap="sm" ml="auto">
              <Button variant="default" onClick={close}>
                Cancel
              </Button>
              <Button type="submit" loading={set.isPending}>
                Save budgets
              </Button>
            </Group>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function startOf(limits: readonly Limit[]): WindowForm[] {
  const found = formOf(limits);
  return found.length === 0 ? [newWindow()] : found;
}
