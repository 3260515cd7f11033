import { Anchor, Badge, Box, Button, Group, Paper, Stack, Text, Title } from '@mantine/core';
import { IconPencil } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { isAdmin, useMe } from '@/api/me';
import { Copy } from '@/ui/Copy';
import { CorrectModal } from '@/ui/corrections/CorrectModal';
import { Fact, Facts } from '@/ui/Facts';
import { Money } from '@/ui/Money';
import { count, duration } from '@/ui/numbers';
import { When } from '@/ui/When';
import { BillTable } from './BillTable';
import type { Receipt } from './bill';
import { ADJUSTED_MEANS, KIND_MEANS, KIND_NAMES, outcomeMeans, outcomeName } from './words';

export function ReceiptView({ receipt }: { receipt: Receipt }) {
  const [adjusting, setAdjusting] = useState(false);
  const admin = isAdmin(useMe());
  return (
    <Stack gap="lg">
      <Box>
        <Group gap={6} wrap="nowrap" align="center">
          <Title order={2} fz="lg" style={{ overflowWrap: 'anywhere' }}>
            {receipt.model}
          </Title>
          <Badge variant="light" color="gray" tt="none" fw={500} style={{ flex: 'none' }}>
            {receipt.provider}
          </Badge>
        </Group>
        <Text size="sm" c="dimmed" component="div">
          <When at={receipt.started_at} style="second" />
        </Text>
      </Box>
      <Charge receipt={receipt} />
      <Part title="Tokens and prices">
        <BillTable receipt={receipt} />
      </Part>
      <Part title="Entry in the book">
        <Group gap={8} mb={6}>
          <Badge
            variant="light"
            color={receipt.entry.kind === 'exact' ? 'pine' : 'yellow'}
            autoContrast
            tt="none"
            fw={500}
          >
            {KIND_NAMES[receipt.entry.kind]}
          </Badge>
          <Text size="xs" c="dimmed">
            booked on {receipt.entry.day} (UTC)
          </Text>
        </Group>
        <Text size="sm">
          {KIND_MEANS[receipt.entry.kind]}
          {receipt.adjusted_cost_usd !== null && ` ${ADJUSTED_MEANS}`}
        </Text>
        {admin && (
          <Button
            mt="sm"
            size="xs"
            variant="default"
            leftSection={<IconPencil size={14} aria-hidden />}
            onClick={() => setAdjusting(true)}
          >
            Adjust cost
          </Button>
        )}
      </Part>
      <Part title="Call">
        <Particulars receipt={receipt} />
      </Part>
      {adjusting && (
        <CorrectModal
          callId={receipt.call_id}
          booked={receipt.adjusted_cost_usd ?? receipt.cost_usd}
          corrected={receipt.adjusted_cost_usd !== null}
          close={() => setAdjusting(false)}
        />
      )}
    </Stack>
  );
}

/** What was set aside before, beside what it came to. */
function Charge({ receipt }: { receipt: Receipt }) {
  const adjusted = receipt.adjusted_cost_usd;
  return (
    <Paper withBorder p="md">
      <Group grow align="flex-start">
        <Box>
          <Text size="xs" c="dimmed">
            Cost
          </Text>
          <Text fz={22} fw={600} component="div">
            <Money usd={adjusted ?? receipt.cost_usd} />
          </Text>
          {adjusted !== null && (
            <Text size="xs" c="dimmed">
              adjusted from <Money usd={receipt.cost_usd} />
            </Text>
          )}
        </Box>
        <Box>
          <Text size="xs" c="dimmed">
            Held before the call
          </Text>
          <Text fz={22} fw={600} component="div">
            <Money usd={receipt.hold_usd} />
          </Text>
          <Text size="xs" c="dimmed">
            the most that it could cost
          </Text>
        </Box>
      </Group>
    </Paper>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={title}>
      <Title order={3} fz="sm" mb={6}>
        {title}
      </Title>
      {children}
    </section>
  );
}

function Particulars({ receipt }: { receipt: Receipt }) {
  const { upstream_status: status, first_byte_ms: firstByte, clamped_max_tokens: clamped } = receipt;
  return (
    <Facts tight>
      <Fact name="Outcome">
        {outcomeName(receipt.outcome)}
        {status !== null && ` (HTTP ${status})`}
        <Text size="xs" c="dimmed">
          {outcomeMeans(receipt.outcome)}
        </Text>
      </Fact>
      <Fact name="Usage from">{outcomeName(receipt.usage_source)}</Fact>
      <Fact name="Took">
        {duration(receipt.duration_ms)}
        {firstByte !== null && `, first byte after ${duration(firstByte)}`}
      </Fact>
      <Fact name="Answer">{receipt.stream ? 'Streamed' : 'In one piece'}</Fact>
      {receipt.response_model !== null && receipt.response_model !== receipt.model && (
        <Fact name="Answered by">{receipt.response_model}</Fact>
      )}
      {clamped !== null && (
        <Fact name="Shortened to">{count(clamped)} output tokens, which the budget still covered</Fact>
      )}
      <Fact name="Price version">{receipt.price_version ?? 'None: the model had no price'}</Fact>
      <Fact name="Trace">
        <Anchor component={Link} to={`/traces/${receipt.trace_id}`} fz="sm">
          Open the trace
        </Anchor>
        {' · '}
        <Anchor component={Link} to={`/traces/${receipt.trace_id}?span=%22${receipt.span_id}%22`} fz="sm">
          its span
        </Anchor>
      </Fact>
      <Fact name="Call id">
        <Id text={receipt.call_id} what="call id" />
      </Fact>
      {receipt.cf_log_id !== null && (
        <Fact name="Cloudflare log">
          <Id text={receipt.cf_log_id} what="Cloudflare log id" />
        </Fact>
      )}
    </Facts>
  );
}

function Id({ text, what }: { text: string; what: string }) {
  return (
    <Group gap={4} wrap="nowrap">
      <Text ff="monospace" fz="xs" truncate title={text}>
        {text}
      </Text>
      <Copy text={text} what={what} />
    </Group>
  );
}
