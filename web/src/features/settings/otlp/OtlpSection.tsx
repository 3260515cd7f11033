import { Anchor, Code, Group, Stack, Table, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { Copy } from '@/ui/Copy';
import { Card, Section } from '../Section';
import { Snippets } from './Snippets';
import { endpointOf } from './snippets';

export default function OtlpSection() {
  const endpoint = endpointOf(window.location.origin);
  return (
    <Section id="otlp">
      <Card
        title="Endpoint"
        about="OpenTelemetry over HTTP: protobuf or JSON, plain or packed with gzip, deflate or zstd. Not gRPC."
      >
        <Group gap="xs" wrap="nowrap">
          <Code fz="sm" px="sm" py={6} style={{ overflowWrap: 'anywhere' }}>
            {endpoint}
          </Code>
          <Copy text={endpoint} what="endpoint" />
        </Group>
        <Text size="sm">
          Calls through Tollhouse have traces already. Send what your own programs and tools tell of calls
          that go elsewhere, or of the steps around them. What senders say that a call cost is shown apart and
          touches no budget.
        </Text>
      </Card>
      <Card title="Set it up" about="Put your own token where it says so.">
        <Snippets />
      </Card>
      <Card title="Which credential" about="Sent as Authorization: Bearer with every request.">
        <Table.ScrollContainer minWidth={420} scrollAreaProps={{ tabIndex: 0 }}>
          <Table verticalSpacing="sm" fz="sm">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Credential</Table.Th>
                <Table.Th>Whose the spans are</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              <Table.Tr>
                <Table.Td>
                  An API token with the scope <Code>traces:write</Code>
                </Table.Td>
                <Table.Td>
                  Yours. If you are an admin or manager, a span may name somebody else with{' '}
                  <Code>user.email</Code>, or a team with <Code>tollhouse.team.id</Code>.
                </Table.Td>
              </Table.Tr>
              <Table.Tr>
                <Table.Td>
                  A virtual key, <Code>aig_…</Code>
                </Table.Td>
                <Table.Td>Those of the key: its person, or its team.</Table.Td>
              </Table.Tr>
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
        <Stack gap={4}>
          <Text size="sm">
            <Anchor underline="always" component={Link} to="/settings/tokens" size="sm">
              Make a token
            </Anchor>{' '}
            with nothing but “Send traces”, then{' '}
            <Anchor underline="always" component={Link} to="/traces" size="sm">
              watch them arrive
            </Anchor>
            .
          </Text>
          <Text size="sm" c="dimmed">
            Everything that is taken, with its limits, stands in docs/guides/traces.md of the source; the
            API’s own description is at{' '}
            <Anchor underline="always" href="/v1/openapi.json" target="_blank" rel="noreferrer" size="sm">
              /v1/openapi.json
            </Anchor>
            .
          </Text>
        </Stack>
      </Card>
    </Section>
  );
}
