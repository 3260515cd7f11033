import { Anchor, Code, List, Stack, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { Card, Section } from '../Section';
import { Webhook } from './Webhook';

const EXAMPLE = `{
  "id": "evt_7_3_80",
  "type": "budget.threshold_crossed",
  "created_at": "2026-11-23T12:00:00Z",
  "customer_id": "…",
  "data": {
    "budget_id": 7, "scope": {"kind": "team", "id": "…"},
    "reset": "monthly", "models": null, "period": 3,
    "threshold_percent": 80,
    "spent_usd": "80.000000000", "limit_usd": "100.000000000"
  }
}`;

export default function AlertsSection() {
  return (
    <Section id="alerts">
      <Webhook />
      <Card title="What it is told">
        <Stack gap="sm">
          <Text size="sm">
            Once for each threshold of a budget and each period, when spending crosses it: at 50, 80 and 95 %
            of the limit, unless other thresholds were set with the budget. The budgets of the organisation
            are under{' '}
            <Anchor underline="always" component={Link} to="/settings/organisation" size="sm">
              Organisation
            </Anchor>
            , those of people and teams under{' '}
            <Anchor underline="always" component={Link} to="/people" size="sm">
              People
            </Anchor>
            .
          </Text>
          <Code block tabIndex={0} role="region" aria-label="An event">
            {EXAMPLE}
          </Code>
        </Stack>
      </Card>
      <Card title="For whoever writes the receiver">
        <List size="sm" spacing={6}>
          <List.Item>
            <Code>Tollhouse-Signature: t=…,v1=…</Code>: <Code>v1</Code> is the HMAC-SHA256, in hex, of{' '}
            <Code>t</Code>, a dot and the body, under the secret. Refuse a <Code>t</Code> that is more than a
            few minutes old.
          </List.Item>
          <List.Item>
            Any 2xx within five seconds means that it arrived. Anything else is tried again for a day, ever
            more rarely.
          </List.Item>
          <List.Item>
            An event may come twice, always with the same <Code>Tollhouse-Event-Id</Code>, and events may come
            in another order than they happened.
          </List.Item>
        </List>
      </Card>
    </Section>
  );
}
