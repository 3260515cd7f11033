import { Alert, Anchor, Badge, Group, Stack, Text } from '@mantine/core';
import { IconArrowBackUp, IconBrain, IconMessageOff, IconTool } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Copy } from '@/ui/Copy';
import { Empty } from '@/ui/states';
import { Folded } from './Folded';
import type { Message, Part, Conversation as Said } from './messages';
import classes from './Span.module.css';

type Props = { conversation: Said; attributes: Record<string, unknown>; source: 'proxy' | 'otlp' };

/** What was said, in order. */
export function Conversation({ conversation, attributes, source }: Props) {
  if (conversation.messages.length === 0) return <Nothing attributes={attributes} source={source} />;
  return (
    <Stack gap="sm">
      {conversation.messages.map((message, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: messages have no name but their place
        <OneMessage key={at} message={message} />
      ))}
      {conversation.cut && (
        <Text size="xs" c="dimmed">
          It goes on: what is longer than is kept was cut.
        </Text>
      )}
    </Stack>
  );
}

function OneMessage({ message }: { message: Message }) {
  const text = message.parts.map((part) => part.text).join('\n\n');
  return (
    <article className={classes.said} data-role={message.role} aria-label={`Message of ${message.role}`}>
      <Group justify="space-between" gap="xs" mih={28}>
        <Text size="xs" fw={600} tt="capitalize">
          {message.role}
        </Text>
        <Group gap={6}>
          {message.finish !== null && message.finish !== 'stop' && (
            <Badge size="sm" variant="default" tt="none">
              {message.finish}
            </Badge>
          )}
          <Copy text={text} what="message" />
        </Group>
      </Group>
      <Stack gap="xs">
        {message.parts.map((part, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: parts have no name but their place
          <OnePart key={at} part={part} />
        ))}
      </Stack>
    </article>
  );
}

function OnePart({ part }: { part: Part }) {
  switch (part.kind) {
    case 'text':
      return <Folded text={part.text} mono={/^\s*[{[]/.test(part.text)} />;
    case 'reasoning':
      return (
        <Framed icon={<IconBrain size={14} aria-hidden />} title="Reasoning">
          <Folded text={part.text} mono={false} />
        </Framed>
      );
    case 'call':
      return (
        <Framed icon={<IconTool size={14} aria-hidden />} title={`Calls ${part.name}`} aside={part.id}>
          <Folded text={part.text} />
        </Framed>
      );
    case 'result':
      return (
        <Framed icon={<IconArrowBackUp size={14} aria-hidden />} title="Result" aside={part.id}>
          <Folded text={part.text} />
        </Framed>
      );
    case 'other':
      return (
        <Framed icon={null} title={part.type}>
          <Folded text={part.text} />
        </Framed>
      );
  }
}

type FramedProps = { icon: ReactNode; title: string; aside?: string | null; children: ReactNode };

function Framed({ icon, title, aside, children }: FramedProps) {
  return (
    <div className={classes.framed}>
      <Group gap={6} mb={4} wrap="nowrap" c="dimmed">
        {icon}
        <Text size="xs" fw={500} truncate>
          {title}
        </Text>
        {aside != null && (
          <Text size="xs" truncate>
            {aside}
          </Text>
        )}
      </Group>
      {children}
    </div>
  );
}

function Nothing({ attributes, source }: Omit<Props, 'conversation'>) {
  if (attributes['tollhouse.span.content_dropped'] === true) {
    return (
      <Alert
        color="gray"
        title="Prompts and answers were sent, but not kept"
        icon={<IconMessageOff aria-hidden />}
      >
        <Text size="sm">
          Your organisation leaves them out. Admins can change that for new spans in{' '}
          <Anchor component={Link} to="/settings/organisation" inherit>
            the settings
          </Anchor>
          .
        </Text>
      </Alert>
    );
  }
  return (
    <Empty icon={<IconMessageOff aria-hidden />} title="Nothing was said here">
      {source === 'proxy'
        ? 'Tollhouse never keeps the prompts and answers of calls through it.'
        : 'The sender told of no prompts or answers.'}
    </Empty>
  );
}
