import { IconUser, IconUsersGroup } from '@tabler/icons-react';
import { Bar } from '@/ui/budgets/Bar';
import { hint } from '@/ui/hinting';
import { Money } from '@/ui/Money';
import { Pill, type PillColour } from '@/ui/Pill';
import { RowLink } from '@/ui/RowLink';
import text from '@/ui/text.module.css';
import classes from './cells.module.css';
import type { Key } from './form';
import {
  HASH_SHOWN,
  HASH_SHOWN_FEW,
  modelsWords,
  ownerOf,
  perWords,
  STATE_MEANS,
  STATE_WORDS,
} from './words';

const COLOURS: Record<Key['state'], PillColour> = {
  active: 'pine',
  disabled: 'gray',
  expired: 'gray',
  exhausted: 'red',
};
const HINTED_MODELS = 20;

export function StateBadge({ state }: { state: Key['state'] }) {
  return (
    <Pill colour={COLOURS[state]} hint={STATE_MEANS[state]}>
      {STATE_WORDS[state]}
    </Pill>
  );
}

/** `whole`: there is a column for the state; without one it stands here, if it is a trouble. */
export function NameCell({ of: key, whole = true }: { of: Key; whole?: boolean }) {
  return (
    <>
      <RowLink to={`/keys/${key.hash}`}>{key.name}</RowLink>
      {whole || key.state === 'active' ? (
        <div className={text.code} title={`${key.display}, hash ${key.hash}`}>
          {key.hash.slice(0, whole ? HASH_SHOWN : HASH_SHOWN_FEW)}
        </div>
      ) : (
        <div className={classes.trouble}>{STATE_WORDS[key.state]}</div>
      )}
    </>
  );
}

export function OwnerCell({ of: key }: { of: Key }) {
  const { name, kind } = ownerOf(key);
  return (
    <div className={text.pair} title={key.owner?.email ?? name}>
      {kind === 'team' && <IconUsersGroup size={15} aria-label="Team" />}
      {kind === 'person' && <IconUser size={15} aria-label="Person" />}
      <span className={`${text.main} ${kind === 'nobody' ? text.faint : ''}`}>{name}</span>
    </div>
  );
}

/** What was spent in the period that runs, and how much of the budget that is. `whole`: there is room for the period. */
export function SpendCell({ of: key, whole = true }: { of: Key; whole?: boolean }) {
  return (
    <>
      <div className={classes.spend}>
        <span>
          <Money usd={key.spend_usd} />
        </span>
        <span className={text.note}>
          {key.budget_usd === null ? (
            'no budget'
          ) : (
            <>
              of <Money usd={key.budget_usd} />
              {whole && perWords(key.budget_reset)}
            </>
          )}
        </span>
      </div>
      <div className={classes.under}>
        {key.budget_usd !== null && (
          <Bar spent={key.spend_usd} of={key.budget_usd} label={`Spent of the budget of ${key.name}`} />
        )}
      </div>
    </>
  );
}

export function ModelsCell({ models }: { models: readonly string[] }) {
  const names = models.length < 2 ? undefined : models.slice(0, HINTED_MODELS).join(', ');
  return (
    <div className={`${text.main} ${models.length === 0 ? text.faint : ''}`} {...hint(names)}>
      {modelsWords(models)}
    </div>
  );
}
