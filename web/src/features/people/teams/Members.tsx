import { ActionIcon, Badge, Group, Select, Stack, Text, Tooltip } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { done, failed } from '@/ui/notices';
import { PersonCell } from '../PersonCell';
import { type Member, putMember, removeMember, type Team, useChange } from '../queries';
import type { TeamRights } from '../rights';
import { AddMember } from './AddMember';

export function Members({ team, rights }: { team: Team; rights: TeamRights }) {
  return (
    <Stack gap="sm">
      {team.members.length === 0 && (
        <Text size="sm" c="dimmed">
          Nobody is in this team yet.
        </Text>
      )}
      {team.members.map((member) => (
        <MemberLine key={member.user_id} team={team} member={member} rights={rights} />
      ))}
      {rights.changesMembers && <AddMember team={team} />}
    </Stack>
  );
}

type LineProps = { team: Team; member: Member; rights: TeamRights };

function MemberLine({ team, member, rights }: LineProps) {
  const put = useChange((role: 'lead' | 'member') => putMember(team.id, member.user_id, role));
  const remove = useChange(() => removeMember(team.id, member.user_id));
  const mayRemove = rights.changesMembers && (member.role === 'member' || rights.appoints);
  function takeOut() {
    remove.mutate(undefined, {
      onSuccess: () => done(`${member.name} is no longer in ${team.name}`, () => put.mutate(member.role)),
      onError: (error) => failed(error, `${member.name} stays in ${team.name}`),
    });
  }
  return (
    <Group justify="space-between" gap="xs" wrap="nowrap">
      <Group gap="xs" wrap="nowrap" miw={0} flex={1} style={{ overflow: 'hidden' }}>
        <PersonCell name={member.name} email={member.email} />
        {member.disabled && (
          <Badge variant="light" color="red" tt="none" style={{ flex: 'none' }}>
            Disabled
          </Badge>
        )}
      </Group>
      <Group gap={4} wrap="nowrap">
        {rights.appoints ? (
          <Select
            aria-label={`Part of ${member.name} in the team`}
            size="xs"
            w={104}
            allowDeselect={false}
            disabled={put.isPending}
            data={[
              { value: 'lead', label: 'Lead' },
              { value: 'member', label: 'Member' },
            ]}
            value={member.role}
            onChange={(role) =>
              put.mutate(role as 'lead' | 'member', {
                onError: (error) => failed(error, 'Their part stays as it was'),
              })
            }
          />
        ) : (
          <Badge variant="light" color={member.role === 'lead' ? 'pine' : 'gray'} tt="none">
            {member.role === 'lead' ? 'Lead' : 'Member'}
          </Badge>
        )}
        {mayRemove && (
          <Tooltip label="Take out of the team">
            <ActionIcon
              variant="subtle"
              color="gray"
              loading={remove.isPending}
              onClick={takeOut}
              aria-label={`Take ${member.name} out of the team`}
            >
              <IconX size={16} aria-hidden />
            </ActionIcon>
          </Tooltip>
        )}
      </Group>
    </Group>
  );
}
