import { Checkbox, Code, Group, Input, SimpleGrid, Stack } from '@mantine/core';
import type { ReactNode } from 'react';
import { SCOPE_GROUPS, type Scope, type ScopeGroup, toggleGroup } from './scopes';

type Props = { chosen: Scope[]; change: (scopes: Scope[]) => void; error?: ReactNode };

/** Scopes by what they are about; a group's own box takes all of it. */
export function ScopeChecklist({ chosen, change, error }: Props) {
  return (
    <Stack gap="xs" role="group" aria-label="Scopes">
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="lg" verticalSpacing="md">
        {SCOPE_GROUPS.map((group) => (
          <GroupOfScopes key={group.title} group={group} chosen={chosen} change={change} />
        ))}
      </SimpleGrid>
      {error !== undefined && error !== null && <Input.Error>{error}</Input.Error>}
    </Stack>
  );
}

type GroupProps = { group: ScopeGroup; chosen: Scope[]; change: (scopes: Scope[]) => void };

function GroupOfScopes({ group, chosen, change }: GroupProps) {
  const on = group.scopes.filter(({ value }) => chosen.includes(value)).length;
  return (
    <Stack gap={6}>
      <Checkbox
        label={group.title}
        fw={600}
        checked={on === group.scopes.length}
        indeterminate={on > 0 && on < group.scopes.length}
        onChange={(event) => change(toggleGroup(chosen, group, event.currentTarget.checked))}
      />
      {group.scopes.map(({ value, label }) => (
        <Group key={value} pl="lg">
          <Checkbox
            label={label}
            description={<Code fz="xs">{value}</Code>}
            checked={chosen.includes(value)}
            onChange={(event) =>
              change(
                event.currentTarget.checked ? [...chosen, value] : chosen.filter((scope) => scope !== value),
              )
            }
          />
        </Group>
      ))}
    </Stack>
  );
}
