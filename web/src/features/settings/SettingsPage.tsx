import { Anchor, Button, Group, VisuallyHidden } from '@mantine/core';
import { IconLock, IconMapOff } from '@tabler/icons-react';
import { Link, useParams } from '@tanstack/react-router';
import { Suspense } from 'react';
import { useMe } from '@/api/me';
import { PageHeader } from '@/ui/PageHeader';
import { Empty } from '@/ui/states';
import { BODIES } from './bodies';
import { Menu, MenuSelect } from './Menu';
import { LoadingSection } from './Section';
import classes from './SettingsPage.module.css';
import { type Found, find, sectionsFor } from './sections';

/** One part of the settings at a time; which one stands in the address. */
export function SettingsPage() {
  const { user } = useMe();
  const { section: wanted = '' } = useParams({ strict: false });
  const found = find(wanted, user.role);
  const sections = sectionsFor(user.role);
  const here = found.kind === 'shown' ? found.section.id : null;
  return (
    <>
      <PageHeader title="Settings" tab={found.kind === 'shown' ? found.section.label : 'Settings'} />
      <div className={classes.frame}>
        <div className={classes.menu}>
          <Menu sections={sections} here={here} />
        </div>
        <div className={classes.narrow}>
          <MenuSelect sections={sections} here={here} />
        </div>
        <div className={classes.body} data-wide={here === 'audit' || undefined}>
          <Body found={found} />
        </div>
      </div>
    </>
  );
}

function Body({ found }: { found: Found }) {
  if (found.kind !== 'shown')
    return (
      <>
        <VisuallyHidden component="h2">Not shown</VisuallyHidden>
        {found.kind === 'unknown' ? <Unknown /> : <Closed label={found.wanted} />}
      </>
    );
  const Section = BODIES[found.section.id];
  return (
    <Suspense fallback={<LoadingSection />}>
      <Section key={found.section.id} />
    </Suspense>
  );
}

function Unknown() {
  const { user } = useMe();
  return (
    <Empty icon={<IconMapOff aria-hidden />} title="There are no settings at this address">
      What you look for may be under another name:
      <Group gap="sm" justify="center" mt="sm">
        {sectionsFor(user.role).map(({ id, label }) => (
          <Anchor key={id} component={Link} to={`/settings/${id}`} size="sm">
            {label}
          </Anchor>
        ))}
      </Group>
    </Empty>
  );
}

function Closed({ label }: { label: string }) {
  return (
    <Empty
      icon={<IconLock aria-hidden />}
      title={`${label} is for admins`}
      action={
        <Button component={Link} to="/settings/account" variant="default">
          Your account
        </Button>
      }
    >
      Your role does not let you see this. An admin of your organisation can look for you, or change your role
      under People.
    </Empty>
  );
}
