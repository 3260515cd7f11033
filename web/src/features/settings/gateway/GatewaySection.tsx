import { Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { isAdmin, useMe } from '@/api/me';
import { Failed } from '@/ui/states';
import { customerQuery } from '../customer';
import { LoadingCards, Section } from '../Section';
import { CredentialMode } from './CredentialMode';
import { GatewayState } from './GatewayState';
import { ProviderKeys } from './ProviderKeys';

const WHILE_PENDING_MS = 3_000;

export default function GatewaySection() {
  const admin = isAdmin(useMe());
  const { data, error, refetch } = useQuery({
    ...customerQuery,
    refetchInterval: (query) => (query.state.data?.gateway_state === 'pending' ? WHILE_PENDING_MS : false),
  });
  return (
    <Section id="gateway">
      {error !== null && data === undefined && <Failed error={error} again={() => void refetch()} />}
      {error === null && data === undefined && <LoadingCards />}
      {data !== undefined && (
        <Stack gap="lg">
          <GatewayState customer={data} admin={admin} />
          <CredentialMode mode={data.settings.credential_mode} admin={admin} />
          {admin && <ProviderKeys used={data.settings.credential_mode === 'pass-through'} />}
        </Stack>
      )}
    </Section>
  );
}
