import { Alert, Box, Button, Code, CopyButton, Group, Stack, Text } from '@mantine/core';
import { IconCheck, IconCopy, IconEyeOff } from '@tabler/icons-react';
import type { ReactNode } from 'react';

const SHOWN_MS = 2_000;

type Props = { secret: string; what: string; done: () => void; children?: ReactNode };

/** A secret that is shown this once. Whoever shows it holds it in state and forgets it with `done`. */
export function SecretOnce({ secret, what, done, children }: Props) {
  return (
    <Stack gap="md">
      <Alert color="yellow" icon={<IconEyeOff aria-hidden />} title={`Copy the ${what} now`}>
        Tollhouse keeps only a fingerprint of it: once this is closed nobody can see it again.
      </Alert>
      <Box>
        <Text size="sm" fw={500} mb={4}>
          {what.charAt(0).toUpperCase() + what.slice(1)}
        </Text>
        <Group gap="sm" wrap="nowrap" align="flex-start">
          <Code
            block
            flex={1}
            mih={36}
            style={{ overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }}
            data-testid="secret"
          >
            {secret}
          </Code>
          <CopyButton value={secret} timeout={SHOWN_MS}>
            {({ copied, copy }) => (
              <Button
                flex="none"
                autoFocus // the form that was here had the focus; without it the keyboard would start anew
                h="auto"
                variant={copied ? 'light' : 'filled'}
                onClick={copy}
                leftSection={
                  copied ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />
                }
              >
                {copied ? 'Copied' : 'Copy'}
              </Button>
            )}
          </CopyButton>
        </Group>
      </Box>
      {children}
      <Group justify="flex-end">
        <Button variant="default" onClick={done}>
          I have stored it
        </Button>
      </Group>
    </Stack>
  );
}
