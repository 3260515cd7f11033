import { Text } from '@mantine/core';
import { Go } from './Go';

export function PeopleStep() {
  return (
    <>
      <Text size="sm" maw={620}>
        Ask colleagues in, put them into teams, and give keys and budgets to each. Everybody sees what is
        theirs; admins and managers see all of it.
      </Text>
      <Go href="/people?tab=invitations">Invite people</Go>
    </>
  );
}
