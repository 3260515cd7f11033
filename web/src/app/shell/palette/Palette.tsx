import { Loader, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { Spotlight, spotlight } from '@mantine/spotlight';
import { IconKey, IconSearch, IconUser, IconUsersGroup } from '@tabler/icons-react';
import { useRouter } from '@tanstack/react-router';
import '@mantine/spotlight/styles.css';
import { type KeyboardEvent, type ReactNode, useEffect, useState } from 'react';
import { useMe } from '@/api/me';
import { told } from '@/api/problem';
import { useSignOut } from '../useSignOut';
import { type Deed, deedsOf, isFound, PAGES } from './deeds';
import { type Thing, useFound } from './useFound';

/** Pages, deeds, and things by their names. `asked`: opens with each new number. */
export function Palette({ asked }: { asked: number }) {
  const me = useMe();
  const act = useAct();
  const [typed, setTyped] = useState('');
  const found = useFound(me, typed);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each number is another wish
  useEffect(() => spotlight.open(), [asked]);
  const pages = PAGES.filter((deed) => isFound(typed.trim(), deed.label, deed.words));
  const deeds = deedsOf(me).filter((deed) => isFound(typed.trim(), deed.label, deed.words));
  const things = found.keys.length + found.people.length + found.teams.length;
  const nothing = pages.length + deeds.length + things === 0;
  return (
    <Spotlight.Root
      query={typed}
      onQueryChange={setTyped}
      shortcut={null}
      clearQueryOnClose
      attributes={{ content: { 'aria-label': 'Search and commands' } }}
      scrollable
      maxHeight="min(520px, 70vh)"
      radius="lg"
      centered={false}
      yOffset="14vh"
      overlayProps={{ backgroundOpacity: 0.4, blur: 0 }}
    >
      <Spotlight.Search
        onKeyDown={firstOnEnter}
        placeholder="Pages, keys, people, teams…"
        aria-label="Search pages, keys, people and teams"
        leftSection={<IconSearch size={18} aria-hidden />}
        rightSection={found.busy ? <Loader size={16} aria-label="Searching" /> : undefined}
      />
      <Spotlight.ActionsList>
        {/* What is there at once stands first: things that come later move nothing that is about to be chosen. */}
        <Deeds label="Pages" deeds={pages} act={act} />
        <Deeds label="Actions" deeds={deeds} act={act} />
        <Things label="Keys" icon={<IconKey size={18} aria-hidden />} things={found.keys} act={act} />
        <Things label="People" icon={<IconUser size={18} aria-hidden />} things={found.people} act={act} />
        <Things
          label="Teams"
          icon={<IconUsersGroup size={18} aria-hidden />}
          things={found.teams}
          act={act}
        />
        {nothing && (
          <Spotlight.Empty>
            {found.error !== null ? told(found.error) : found.busy ? 'Searching…' : 'Nothing is called that.'}
          </Spotlight.Empty>
        )}
      </Spotlight.ActionsList>
    </Spotlight.Root>
  );
}

/** Enter means the first thing found where nothing was chosen by arrow. */
function firstOnEnter(event: KeyboardEvent<HTMLElement>) {
  if (event.key !== 'Enter' || event.nativeEvent.isComposing) return;
  const all = event.currentTarget.closest('[role="dialog"]');
  if (all?.querySelector('[data-selected]') === null) {
    all.querySelector<HTMLElement>('[data-action]')?.click();
  }
}

type Act = (act: Deed['act']) => void;

function useAct(): Act {
  const router = useRouter();
  const signOut = useSignOut();
  const { setColorScheme } = useMantineColorScheme();
  const shown = useComputedColorScheme('light');
  return (act) => {
    if (act === 'sign-out') signOut();
    else if (act === 'toggle-dark') setColorScheme(shown === 'dark' ? 'light' : 'dark');
    else router.history.push(act.to);
  };
}

function Deeds({ label, deeds, act }: { label: string; deeds: readonly Deed[]; act: Act }) {
  if (deeds.length === 0) return null;
  return (
    <Spotlight.ActionsGroup label={label}>
      {deeds.map(({ id, label: words, icon: Icon, act: deed }) => (
        <Spotlight.Action
          key={id}
          label={words}
          leftSection={<Icon size={18} stroke={1.6} aria-hidden />}
          onClick={() => act(deed)}
        />
      ))}
    </Spotlight.ActionsGroup>
  );
}

type ThingsProps = { label: string; icon: ReactNode; things: readonly Thing[]; act: Act };

function Things({ label, icon, things, act }: ThingsProps) {
  if (things.length === 0) return null;
  return (
    <Spotlight.ActionsGroup label={label}>
      {things.map((thing) => (
        <Spotlight.Action
          key={thing.id}
          label={thing.label}
          description={thing.note}
          leftSection={icon}
          onClick={() => act({ to: thing.to })}
        />
      ))}
    </Spotlight.ActionsGroup>
  );
}
