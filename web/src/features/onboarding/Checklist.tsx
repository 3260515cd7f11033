import { Box, Button, CloseButton, Group, Paper, Progress, Text, Title, Tooltip } from '@mantine/core';
import { IconCheck } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useMe } from '@/api/me';
import { CallStep } from './CallStep';
import classes from './Checklist.module.css';
import { GatewayStep } from './GatewayStep';
import { KeyStep } from './KeyStep';
import { PeopleStep } from './PeopleStep';
import { countDone, nextOf, type Step, type StepName } from './steps';
import type { FirstSteps } from './useFirstSteps';

const TITLES: Readonly<Record<StepName, string>> = {
  gateway: 'Your gateway at Cloudflare',
  key: 'Make your first key',
  call: 'Make your first call',
  people: 'Invite the others',
};

/** What to do first, and the first call as it arrives. */
export function Checklist({ first }: { first: FirstSteps }) {
  const me = useMe();
  const { steps, customer, firstKey, call, close } = first;
  const next = nextOf(steps);
  const done = countDone(steps);
  const bodies: Record<StepName, ReactNode> = {
    gateway: <GatewayStep customer={customer} me={me} />,
    key: <KeyStep firstKey={firstKey} />,
    call: <CallStep firstKey={firstKey} call={call} />,
    people: <PeopleStep />,
  };
  return (
    <Paper withBorder component="section" aria-labelledby="first-steps" mb="xl">
      <Box p="lg" pb="md">
        <Group justify="space-between" align="flex-start" wrap="nowrap">
          <div>
            <Title order={2} fz={18} id="first-steps">
              {next === null ? 'Everything is set up' : 'First steps'}
            </Title>
            <Text size="sm" c="dimmed" mt={2}>
              {next === null
                ? 'From here on this page shows what is spent, by whom and on what.'
                : `${done} of ${steps.length} done`}
            </Text>
          </div>
          {next === null ? (
            <Button size="xs" variant="default" onClick={close}>
              Done
            </Button>
          ) : (
            <Tooltip label="Do not show these again">
              <CloseButton aria-label="Put the first steps away" onClick={close} />
            </Tooltip>
          )}
        </Group>
        <Progress
          mt="md"
          size="sm"
          value={(100 * done) / steps.length}
          aria-label={`${done} of ${steps.length} steps done`}
        />
      </Box>
      <ol className={classes.steps}>
        {steps.map((step, index) => (
          <Line key={step.name} step={step} number={index + 1} now={step.name === next}>
            {(step.name === next || (step.name === 'call' && step.done)) && bodies[step.name]}
          </Line>
        ))}
      </ol>
    </Paper>
  );
}

type LineProps = { step: Step; number: number; now: boolean; children: ReactNode };

function Line({ step, number, now, children }: LineProps) {
  const state = step.done ? 'done' : now ? 'now' : 'later';
  return (
    <li className={classes.step} aria-current={now ? 'step' : undefined}>
      <Group gap={14} wrap="nowrap">
        <span className={classes.mark} data-state={state}>
          {step.done ? <IconCheck size={15} stroke={2.5} role="img" aria-label="Done" /> : number}
        </span>
        <Title order={3} fz="md" fw={now ? 600 : 500} {...(now ? {} : { c: 'dimmed' })}>
          {TITLES[step.name]}
        </Title>
      </Group>
      {children && <div className={classes.body}>{children}</div>}
    </li>
  );
}
