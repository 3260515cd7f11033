import {
  ActionIcon,
  Autocomplete,
  Group,
  Paper,
  Select,
  SimpleGrid,
  TagsInput,
  TextInput,
} from '@mantine/core';
import type { UseFormReturnType } from '@mantine/form';
import { IconTrash } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { modelPatternsQuery } from './api';
import { RESETS, type WindowForm } from './windows';

const SHOWN_MODELS = 30;

type Props = { form: UseFormReturnType<{ windows: WindowForm[] }>; at: number; remove: () => void };

/** One budget in the form. */
export function WindowFields({ form, at, remove }: Props) {
  const { data: patterns = [] } = useQuery(modelPatternsQuery);
  return (
    <Paper withBorder p="md" component="fieldset" aria-label={`Budget ${at + 1}`} m={0} miw={0}>
      <Group align="flex-start" gap="sm" wrap="nowrap">
        <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm" flex={1}>
          <TextInput
            label="Budget in US dollars"
            placeholder="25.00"
            inputMode="decimal"
            leftSection="$"
            {...form.getInputProps(`windows.${at}.budget`)}
          />
          <Select
            label="Begins anew"
            data={RESETS}
            allowDeselect={false}
            {...form.getInputProps(`windows.${at}.reset`)}
          />
          <Autocomplete
            label="For models"
            placeholder="All models"
            description="A model, or a beginning and *"
            data={patterns}
            limit={SHOWN_MODELS}
            openOnFocus={false}
            maxDropdownHeight={240}
            {...form.getInputProps(`windows.${at}.models`)}
          />
          <TagsInput
            label="Tell at"
            description="Per cent of the budget; Enter adds one"
            splitChars={[',', ' ', '%']}
            styles={{ inputField: { minWidth: '2rem' } }}
            {...form.getInputProps(`windows.${at}.thresholds`)}
          />
        </SimpleGrid>
        <ActionIcon
          mt={26}
          variant="subtle"
          color="red"
          onClick={remove}
          aria-label={`Remove budget ${at + 1}`}
        >
          <IconTrash size={16} aria-hidden />
        </ActionIcon>
      </Group>
    </Paper>
  );
}
