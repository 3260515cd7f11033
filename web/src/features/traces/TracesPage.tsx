import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { PageHeader } from '@/ui/PageHeader';
import { type Period, periodOf, type RangeSearch } from '@/ui/timeRange';
import { ExportMenu } from './ExportMenu';
import { FilterBar } from './FilterBar';
import { type Filters, filtersOf } from './filters';
import { Results } from './Results';
import type { TracesSearch } from './search';

/** Traces that match, newest first. What is searched for is in the address. */
export function TracesPage() {
  const search = useSearch({ from: '/in/traces' });
  const navigate = useNavigate({ from: '/traces' });
  const period = usePinned(search);
  const filters = useFilters(search);
  function change(next: TracesSearch) {
    void navigate({ search: (before) => ({ ...before, ...next }), replace: true, resetScroll: false });
  }
  return (
    <>
      <PageHeader title="Traces">Calls and what led to them, step by step</PageHeader>
      <FilterBar
        search={search}
        change={change}
        period={period}
        actions={<ExportMenu filters={filters} period={period} />}
      />
      <Results search={search} filters={filters} change={change} period={period} />
    </>
  );
}

/** The moments that the range in the address means, as of when it was chosen: a table that begins elsewhere every minute
 *  could not be read. Newer traces come by themselves or with another look. */
function usePinned({ range, since, until }: RangeSearch): Period {
  return useMemo(() => periodOf({ range, since, until }, new Date()), [range, since, until]);
}

/** The same object for as long as the search is the same, whatever else changes in the address. */
function useFilters(search: TracesSearch): Filters {
  const { range, since, until } = search;
  const key = JSON.stringify([filtersOf(search), range, since, until]);
  return useMemo(() => filtersOf(JSON.parse(key)[0]), [key]);
}
