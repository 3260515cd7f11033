import { Badge, Group, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { Copy } from '@/ui/Copy';
import { Fact, Facts as List } from '@/ui/Facts';
import { Money } from '@/ui/Money';
import { count } from '@/ui/numbers';
import { Panel } from '@/ui/Panel';
import { When } from '@/ui/When';
import { StateBadge } from './cells';
import type { Key } from './form';
import { ownerOf, POLICIES, resetWords } from './words';

const MODELS_SHOWN = 12;

/** The key's terms, row by row. */
export function Facts({ of: key }: { of: Key }) {
  return (
    <Panel title="Key">
      <List>
        <Fact name="Key hash">
          <Group gap={4} wrap="nowrap">
            <Text ff="monospace" fz="xs" truncate title={key.hash}>
              {key.hash}
            </Text>
            <Copy text={key.hash} what="key hash" />
          </Group>
        </Fact>
        <Fact name="Budget">
          <Money usd={key.budget_usd} none="Unlimited" />
        </Fact>
        <Fact name="Budget reset">{resetWords(key.budget_reset)}</Fact>
        <Fact name="Allowed models">
          <Models of={key.allowed_models} />
        </Fact>
        <Fact name="Scope">
          <Scope of={key} />
        </Fact>
        <Fact name="State">
          <StateBadge state={key.state} />
        </Fact>
        <Fact name="Created">
          <When at={key.created_at} style="minute" />
        </Fact>
        <Fact name="Last used">
          <When at={key.last_used_at} none="Never" />
        </Fact>
        <Fact name="Expires">
          <When at={key.expires_at} style="minute" none="Never" />
        </Fact>
        <Fact name="Tags">
          <Tags of={key.tags} />
        </Fact>
        <Fact name="Rates">{ratesOf(key)}</Fact>
        <Fact name="Most output tokens">
          {key.max_output_tokens === null ? 'The installation’s default' : count(key.max_output_tokens)}
        </Fact>
        <Fact name="Near the limit">
          {POLICIES.find((policy) => policy.value === key.bound_policy)?.label ?? key.bound_policy}
        </Fact>
      </List>
    </Panel>
  );
}

function Models({ of: models }: { of: readonly string[] }) {
  if (models.length === 0) return 'All models';
  const rest = models.length - MODELS_SHOWN;
  return (
    <Group gap={4}>
      {models.slice(0, MODELS_SHOWN).map((model) => (
        <Badge key={model} variant="light" color="gray" tt="none" fw={500} maw="100%" title={model}>
          {model}
        </Badge>
      ))}
      {rest > 0 && (
        <Text span fz="xs" c="dimmed" title={models.slice(MODELS_SHOWN).join(', ')}>
          and {count(rest)} more
        </Text>
      )}
    </Group>
  );
}

function Tags({ of: tags }: { of: readonly string[] }) {
  if (tags.length === 0) return 'None';
  return (
    <Group gap={4}>
      {tags.map((tag) => (
        <Badge
          key={tag}
          component={Link}
          to={`/keys?tag=${encodeURIComponent(tag)}`}
          variant="default"
          tt="none"
          fw={500}
          style={{ cursor: 'pointer' }}
        >
          {tag}
        </Badge>
      ))}
    </Group>
  );
}

function Scope({ of: key }: { of: Key }) {
  const { name, kind } = ownerOf(key);
  if (kind === 'nobody') return 'The organisation; its owner is gone';
  return (
    <>
      {kind === 'team' ? 'Team' : 'Person'}: {name}
      {key.owner !== null && key.owner.email !== name && (
        <Text fz="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          {key.owner.email}
        </Text>
      )}
    </>
  );
}

function ratesOf(key: Key): string {
  const rates = [
    key.requests_per_minute !== null && `${count(key.requests_per_minute)} requests a minute`,
    key.tokens_per_minute !== null && `${count(key.tokens_per_minute)} tokens a minute`,
    key.concurrent_calls !== null && `${count(key.concurrent_calls)} calls at once`,
  ].filter((rate) => rate !== false);
  return rates.length === 0 ? 'Unlimited' : rates.join(', ');
}
