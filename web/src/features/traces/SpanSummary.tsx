import { Alert, Badge, Button, Group, List, Stack, Text, Tooltip } from '@mantine/core';
import { IconAlertTriangle, IconReceipt } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import type { Schemas } from '@/api/client';
import { Copy } from '@/ui/Copy';
import { Money } from '@/ui/Money';
import { duration } from '@/ui/numbers';
import { When } from '@/ui/When';
import { SOURCE_NAMES, STATUS_NAMES } from './filters';
import { LinkAnchor } from './LinkAnchor';
import { oddities } from './oddities';
import classes from './Span.module.css';
import { SpanTokens } from './SpanTokens';
import { errorOf } from './spanFacts';
import type { Node, Span } from './tree';

type Props = {
  node: Node;
  whole: Span | undefined;
  names: Schemas['NamesOut'];
  showReceipt: (callId: string) => void;
};

export function SpanSummary({ node, whole, names, showReceipt }: Props) {
  const { span } = node;
  const callId = span.source === 'proxy' ? whole?.attributes['tollhouse.call.id'] : undefined;
  const odd = oddities(node);
  const tool = whole?.attributes['gen_ai.tool.name'];
  return (
    <Stack gap="md">
      {span.status === 'error' && <Failure span={whole ?? span} />}
      <dl className={classes.facts}>
        <Fact name="Started">
          <When at={span.started_at} style="second" />
        </Fact>
        <Fact name="Duration">{duration(node.tookMs)}</Fact>
        {span.status !== 'error' && <Fact name="Status">{STATUS_NAMES[span.status]}</Fact>}
        {span.model !== null && <Fact name="Model">{span.model}</Fact>}
        {span.provider !== null && <Fact name="Provider">{span.provider}</Fact>}
        {typeof tool === 'string' && <Fact name="Tool">{tool}</Fact>}
        <CostFact span={span} />
      </dl>
      <SpanTokens span={span} />
      {typeof callId === 'string' && (
        <Group>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconReceipt size={15} aria-hidden />}
            onClick={() => showReceipt(callId)}
          >
            Show receipt
          </Button>
        </Group>
      )}
      {odd.length > 0 && (
        <List size="sm" c="dimmed" spacing={4}>
          {odd.map((each) => (
            <List.Item key={each}>{each}</List.Item>
          ))}
        </List>
      )}
      <dl className={classes.facts}>
        <Whose span={span} names={names} />
        <Fact name="From">
          {SOURCE_NAMES[span.source]}
          <Text size="xs" c="dimmed">
            {[span.tool, span.vendor].filter((each) => each !== null).join(' · ')}
          </Text>
        </Fact>
        <Fact name="Span">
          <Id id={span.span_id} what="span id" />
        </Fact>
        {span.parent_span_id !== null && (
          <Fact name="Parent">
            <Id id={span.parent_span_id} what="parent's id" />
          </Fact>
        )}
      </dl>
    </Stack>
  );
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className={classes.fact}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Failure({ span }: { span: Span }) {
  const { type, message } = errorOf(span);
  return (
    <Alert color="red" icon={<IconAlertTriangle aria-hidden />} title={type ?? 'It failed'} p="sm">
      <Text size="sm" className={classes.message}>
        {message ?? 'Nothing was said about why.'}
      </Text>
    </Alert>
  );
}

function CostFact({ span }: { span: Span }) {
  if (span.cost_usd !== null && span.counted)
    return (
      <Fact name="Cost">
        <Money usd={span.cost_usd} />
      </Fact>
    );
  if (span.reported_cost_usd === null) return null;
  return (
    <Fact name="Cost">
      <Group gap={6} component="span" wrap="nowrap">
        <Money usd={span.reported_cost_usd} />
        <Tooltip
          label="As the sender says. It was not metered here and touches no budget."
          multiline
          maw={260}
        >
          <Badge size="sm" variant="default" tt="none">
            reported
          </Badge>
        </Tooltip>
      </Group>
    </Fact>
  );
}

function Whose({ span, names }: { span: Span; names: Schemas['NamesOut'] }) {
  const { user_id, team_id, key_id } = span;
  const key = key_id === null ? undefined : names.keys[key_id];
  const user = user_id === null ? undefined : names.users[user_id];
  const team = team_id === null ? undefined : names.teams[team_id];
  return (
    <>
      {user_id !== null && (
        <Fact name="User">
          {user === undefined ? <Deleted /> : <PersonLink name={user} search={{ user: user_id }} />}
        </Fact>
      )}
      {team_id !== null && (
        <Fact name="Team">
          {team === undefined ? (
            <Deleted />
          ) : (
            <PersonLink name={team} search={{ tab: 'teams', team: team_id }} />
          )}
        </Fact>
      )}
      {key_id !== null && (
        <Fact name="Key">
          {key === undefined ? (
            <Deleted />
          ) : (
            <LinkAnchor to="/keys/$hash" params={{ hash: key.hash }} inherit>
              {key.name}
            </LinkAnchor>
          )}
        </Fact>
      )}
    </>
  );
}

type PersonLinkProps = { name: string; search: { user: string } | { tab: 'teams'; team: string } };

function PersonLink({ name, search }: PersonLinkProps) {
  return (
    <LinkAnchor to="/people" search={search} inherit>
      {name}
    </LinkAnchor>
  );
}

function Deleted() {
  return (
    <Text span inherit c="dimmed" fs="italic">
      deleted
    </Text>
  );
}

export function Id({ id, what }: { id: string; what: string }) {
  return (
    <Group gap={2} wrap="nowrap" component="span">
      <Text span ff="monospace" size="xs" className={classes.id}>
        {id}
      </Text>
      <Copy text={id} what={what} />
    </Group>
  );
}
