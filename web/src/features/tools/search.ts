/** What may stand in this page's address; anything else is left out. */

import { ORDERS, type Order } from './ordering';

export type ToolsSearch = { sort?: Order | undefined };

export function toolsSearch(given: Record<string, unknown>): ToolsSearch {
  const sort = ORDERS.find((order) => order === given.sort);
  return sort === undefined ? {} : { sort };
}
