import { Button, CopyButton, Group, Skeleton, Stack, Tabs, Text, Title } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { Schemas } from '@/api/client';
import { Failed } from '@/ui/states';
import { Attributes } from './Attributes';
import { countOf } from './attributes';
import { Conversation } from './Conversation';
import { KIND_NAMES, kindOf } from './kinds';
import { conversationOf } from './messages';
import { spanQuery } from './queries';
import classes from './Span.module.css';
import { SpanSummary } from './SpanSummary';
import type { View } from './search';
import type { Node } from './tree';

type Props = {
  node: Node;
  names: Schemas['NamesOut'];
  view: View | undefined;
  look: (view: View | undefined) => void;
  showReceipt: (callId: string) => void;
};

const SUMMARY = 'summary';

/** One span: what it came to, all that it says, and what was said in it. */
export function SpanPanel({ node, names, view, look, showReceipt }: Props) {
  const { trace_id, span_id, source } = node.span;
  const { data, error, isPending, refetch } = useQuery(spanQuery(trace_id, span_id, source));
  const whole = data?.span;
  const conversation = whole === undefined ? null : conversationOf(whole.attributes);
  const attributes = whole === undefined ? null : countOf(whole.attributes);
  return (
    <section className={classes.panel} aria-label="Span">
      <div className={classes.head}>
        <Group justify="space-between" wrap="nowrap" align="flex-start" gap="sm">
          <div className={classes.title}>
            <Text size="xs" c="dimmed">
              {KIND_NAMES[kindOf(node.span)]}
            </Text>
            <Title order={2} fz="md" className={classes.wrap}>
              {node.span.name}
            </Title>
          </div>
          <CopyButton value={whole === undefined ? '' : JSON.stringify(whole, null, 2)}>
            {({ copied, copy }) => (
              <Button
                size="compact-sm"
                variant="default"
                flex="none"
                disabled={whole === undefined}
                onClick={copy}
                leftSection={
                  copied ? <IconCheck size={14} aria-hidden /> : <IconCopy size={14} aria-hidden />
                }
              >
                {copied ? 'Copied' : 'Copy JSON'}
              </Button>
            )}
          </CopyButton>
        </Group>
      </div>
      <Tabs
        value={view ?? SUMMARY}
        onChange={(next) => look(next === 'attributes' || next === 'content' ? next : undefined)}
        keepMounted={false}
        className={classes.tabs}
      >
        <Tabs.List px="md">
          <Tabs.Tab value={SUMMARY}>Summary</Tabs.Tab>
          <Tabs.Tab value="attributes">Attributes{attributes === null ? '' : ` ${attributes}`}</Tabs.Tab>
          <Tabs.Tab value="content">
            Content
            {conversation === null || conversation.messages.length === 0
              ? ''
              : ` ${conversation.messages.length}`}
          </Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value={SUMMARY} className={classes.body}>
          <SpanSummary node={node} whole={whole} names={names} showReceipt={showReceipt} />
        </Tabs.Panel>
        {(['attributes', 'content'] as const).map((each) => (
          <Tabs.Panel key={each} value={each} className={classes.body}>
            {isPending && <Waiting />}
            {error !== null && <Failed error={error} again={() => void refetch()} />}
            {whole !== undefined && each === 'attributes' && <Attributes span={whole} />}
            {whole !== undefined && conversation !== null && each === 'content' && (
              <Conversation
                key={node.id}
                conversation={conversation}
                attributes={whole.attributes}
                source={source}
              />
            )}
          </Tabs.Panel>
        ))}
      </Tabs>
    </section>
  );
}

function Waiting() {
  return (
    <Stack gap="sm" role="status" aria-label="Loading">
      {[1, 2, 3, 4, 5, 6].map((row) => (
        <Skeleton key={row} h={18} />
      ))}
    </Stack>
  );
}
