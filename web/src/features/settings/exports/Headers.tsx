import { ActionIcon, Button, Group, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import type { UseFormReturnType } from '@mantine/form';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import { type ExporterForm, newHeader } from './exporter';

const MOST_HEADERS = 16;

type Props = { form: UseFormReturnType<ExporterForm>; stored: readonly string[]; isNew: boolean };

/** Headers go in and are never shown again: what is stored is kept or replaced as a whole. */
export function Headers({ form, stored, isNew }: Props) {
  const { headers, replaceHeaders } = form.values;
  function replace() {
    form.setFieldValue('replaceHeaders', true);
    form.setFieldValue(
      'headers',
      (stored.length === 0 ? [''] : stored).map((name) => newHeader(name)),
    );
  }
  return (
    <Stack gap={6} role="group" aria-label="Headers">
      <Text size="sm" fw={500}>
        Headers
      </Text>
      {!isNew && !replaceHeaders ? (
        <Group justify="space-between" gap="sm">
          <Text size="sm" c="dimmed">
            {stored.length === 0 ? 'None is stored.' : `Stored and sealed: ${stored.join(', ')}`}
          </Text>
          <Button size="compact-sm" variant="default" onClick={replace}>
            {stored.length === 0 ? 'Add headers' : 'Replace them'}
          </Button>
        </Group>
      ) : (
        <>
          {headers.map((header, at) => (
            <Group key={header.key} gap="xs" align="flex-start">
              <TextInput
                flex="2 1 150px"
                aria-label={`Name of header ${at + 1}`}
                placeholder="Authorization"
                autoComplete="off"
                {...form.getInputProps(`headers.${at}.name`)}
              />
              <PasswordInput
                flex="3 1 180px"
                aria-label={`Value of header ${at + 1}`}
                placeholder="Bearer …"
                autoComplete="new-password"
                visibilityToggleButtonProps={{ 'aria-label': 'Show or hide the value' }}
                {...form.getInputProps(`headers.${at}.value`)}
              />
              <ActionIcon
                mt={4}
                variant="subtle"
                color="red"
                aria-label={`Remove header ${at + 1}`}
                onClick={() => form.removeListItem('headers', at)}
              >
                <IconTrash size={16} aria-hidden />
              </ActionIcon>
            </Group>
          ))}
          <Group>
            <Button
              size="compact-sm"
              variant="subtle"
              leftSection={<IconPlus size={14} aria-hidden />}
              disabled={headers.length >= MOST_HEADERS}
              onClick={() => form.insertListItem('headers', newHeader())}
            >
              Add a header
            </Button>
          </Group>
        </>
      )}
    </Stack>
  );
}
