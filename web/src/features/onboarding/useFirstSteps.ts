import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { seesAll, useMe } from '@/api/me';
import { useNow } from '@/ui/useNow';
import { isPutAway, putAway } from './away';
import {
  type Customer,
  callQuery,
  customerQuery,
  type FirstKey,
  keyQuery,
  othersQuery,
  type Trace,
} from './queries';
import { isOver, type Step, stepsOf } from './steps';

export type FirstSteps = {
  steps: Step[];
  customer: Customer;
  firstKey: FirstKey | null;
  call: Trace | null;
  /** Nothing was called yet, so there is nothing else to see. */
  alone: boolean;
  close: () => void;
};

/**
 * What to show of the first steps: `undefined` as long as that is not known, null: nothing. Who saw them unfinished goes
 * on seeing them when the last is done: that is the moment to look at.
 */
export function useFirstSteps(): FirstSteps | null | undefined {
  const me = useMe();
  const now = useNow();
  const [away, setAway] = useState(() => isPutAway(me.user.id));
  const [begun, setBegun] = useState(false);
  const wanted = !away;
  const { data: customer, isError: noCustomer } = useQuery({ ...customerQuery, enabled: wanted });
  const { data: firstKey, isError: noKey } = useQuery({ ...keyQuery(me), enabled: wanted });
  const looks = callQuery(wanted && firstKey != null);
  const { data: call, isError: noCall } = useQuery({ ...looks, enabled: wanted });
  const { data: others, isError: noOthers } = useQuery(othersQuery(wanted && seesAll(me)));
  const hasOthers = seesAll(me) ? others : null;
  const known = customer && firstKey !== undefined && call !== undefined && hasOthers !== undefined;
  const called = call != null || firstKey?.last_used_at != null;
  const steps = known
    ? stepsOf({
        gatewayReady: customer.gateway_state === 'ready',
        hasKey: firstKey !== null,
        called,
        hasOthers,
      })
    : null;
  const over = customer && steps ? isOver(steps, new Date(customer.created_at), now) : null;
  useEffect(() => {
    if (over === false) setBegun(true);
    if (over === true) putAway(me.user.id);
  }, [over, me.user.id]);
  if (away) return null;
  // What cannot be known does not keep the page: it says for itself what it cannot show.
  if (!known || steps === null) return noCustomer || noKey || noCall || noOthers ? null : undefined;
  if (over && !begun) return null;
  const close = () => {
    putAway(me.user.id);
    setAway(true);
  };
  return { steps, customer, firstKey, call, alone: !called, close };
}
