import { KeysPage } from '@/features/keys/KeysPage';
import { WhatIfOfKey } from './whatIf';

/** The keys. Where features meet they meet here: the budget of each can be tried out. */
export function KeysRoute() {
  return <KeysPage whatIf={(key, close, apply) => <WhatIfOfKey of={key} close={close} apply={apply} />} />;
}
