import { NavLink, Select, Stack, Text } from '@mantine/core';
import { Link, useNavigate } from '@tanstack/react-router';
import { PERSONAL, type SectionId, type SectionInfo } from './sections';

type Props = { sections: readonly SectionInfo[]; here: SectionId | null };

function parts(sections: readonly SectionInfo[]) {
  const own = sections.filter((section) => PERSONAL.includes(section.id));
  const whole = sections.filter((section) => !PERSONAL.includes(section.id));
  return [
    { title: 'You', sections: own },
    ...(whole.length === 0 ? [] : [{ title: 'Organisation', sections: whole }]),
  ];
}

export function Menu({ sections, here }: Props) {
  return (
    <Stack gap="md" component="nav" aria-label="Settings">
      {parts(sections).map((part) => (
        <Stack key={part.title} gap={2}>
          <Text size="xs" fw={600} c="dimmed" px="sm" pb={4}>
            {part.title}
          </Text>
          {part.sections.map(({ id, label }) => (
            <NavLink
              key={id}
              component={Link}
              to={`/settings/${id}`}
              label={label}
              active={id === here}
              aria-current={id === here ? 'page' : undefined}
              py={6}
              style={{ borderRadius: 'var(--mantine-radius-md)' }}
            />
          ))}
        </Stack>
      ))}
    </Stack>
  );
}

/** The same where there is no room for a column. */
export function MenuSelect({ sections, here }: Props) {
  const navigate = useNavigate();
  return (
    <Select
      aria-label="Part of the settings"
      placeholder="Choose a part"
      allowDeselect={false}
      data={parts(sections).map((part) => ({
        group: part.title,
        items: part.sections.map(({ id, label }) => ({ value: id, label })),
      }))}
      value={here}
      onChange={(id) => id !== null && void navigate({ to: '/settings/$section', params: { section: id } })}
    />
  );
}
