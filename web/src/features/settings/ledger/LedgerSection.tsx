import { isAdmin, useMe } from '@/api/me';
import { Section } from '../Section';
import { Adjustments } from './Adjustments';
import { BookAudit } from './BookAudit';
import { InDoubt } from './InDoubt';

export default function LedgerSection() {
  const admin = isAdmin(useMe());
  return (
    <Section id="ledger">
      {admin && <BookAudit />}
      <InDoubt decides={admin} />
      <Adjustments adjusts={admin} />
    </Section>
  );
}
