import { Select, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { api, take } from '@/api/client';
import classes from './AuditFilters.module.css';
import { KIND_OPTIONS } from './entries';
import { useAuditSearch } from './useAuditSearch';

const MOST_PEOPLE = 500;

export function AuditFilters() {
  const { search, go } = useAuditSearch();
  const known = KIND_OPTIONS.some(({ value }) => value === search.action);
  const other = search.action === undefined || known ? [] : [{ value: search.action, label: search.action }];
  return (
    <div className={classes.frame}>
      <div className={classes.filters}>
        <Select
          label="About"
          placeholder="Everything"
          clearable
          searchable
          data={[...KIND_OPTIONS, ...other]}
          value={search.action ?? null}
          onChange={(action) => go({ action: action ?? undefined })}
        />
        <Actor />
        <Subject key={search.subject ?? ''} />
        <TextInput
          type="date"
          label="From"
          value={search.from ?? ''}
          onChange={(event) => go({ from: event.currentTarget.value || undefined })}
        />
        <TextInput
          type="date"
          label="To"
          value={search.to ?? ''}
          onChange={(event) => go({ to: event.currentTarget.value || undefined })}
        />
      </div>
    </div>
  );
}

/** People by name; whoever is gone is still there by the id in the address. */
function Actor() {
  const { search, go } = useAuditSearch();
  const { data: people = [] } = useQuery({
    queryKey: ['settings', 'actors'],
    staleTime: 60_000,
    queryFn: async ({ signal }) =>
      (await take(api.GET('/v1/users', { params: { query: { limit: MOST_PEOPLE } }, signal }))).users,
  });
  const data = people.map((user) => ({ value: user.id, label: user.email }));
  const gone = search.actor !== undefined && !data.some(({ value }) => value === search.actor);
  return (
    <Select
      label="By"
      placeholder="Anybody"
      clearable
      searchable
      limit={100}
      nothingFoundMessage="Nobody is called that"
      data={gone ? [...data, { value: search.actor ?? '', label: search.actor ?? '' }] : data}
      value={search.actor ?? null}
      onChange={(actor) => go({ actor: actor ?? undefined })}
    />
  );
}

/** An id is pasted, not typed: it counts when the field is left, or at Enter. */
function Subject() {
  const { search, go } = useAuditSearch();
  function ask(text: string) {
    const wanted = text.trim() === '' ? undefined : text.trim();
    if (wanted !== search.subject) go({ subject: wanted });
  }
  return (
    <TextInput
      label="Of"
      placeholder="Id or key hash"
      className={classes.subject ?? ''}
      maxLength={200}
      defaultValue={search.subject ?? ''}
      onBlur={(event) => ask(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === 'Enter') ask(event.currentTarget.value);
      }}
    />
  );
}
