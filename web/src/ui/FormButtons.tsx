import { Button, Group, type MantineColor } from '@mantine/core';

type Props = {
  close: () => void;
  /** On the button that submits: a verb and its thing, "Make team". */
  verb: string;
  busy: boolean;
  color?: MantineColor;
};

/** The last row of a form in a dialog. */
export function FormButtons({ close, verb, busy, color = 'pine' }: Props) {
  return (
    <Group justify="flex-end" gap="sm">
      <Button variant="default" onClick={close}>
        Cancel
      </Button>
      <Button type="submit" color={color} loading={busy}>
        {verb}
      </Button>
    </Group>
  );
}
