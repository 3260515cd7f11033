import { useEffect } from 'react';

/** The title of the browser's tab: of what page, if that is known. */
export function useTabTitle(page: string | undefined) {
  useEffect(() => {
    document.title = page === undefined ? 'Tollhouse' : `${page} · Tollhouse`;
  }, [page]);
}
