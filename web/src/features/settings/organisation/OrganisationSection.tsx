import { Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { isAdmin, useMe } from '@/api/me';
import { BudgetsEditor } from '@/ui/budgets/BudgetsEditor';
import { Money } from '@/ui/Money';
import { Failed } from '@/ui/states';
import { Term } from '@/ui/Term';
import { type Customer, customerQuery } from '../customer';
import { Card, LoadingCards, Section } from '../Section';
import { DangerZone } from './DangerZone';
import { MemberKeysForm } from './MemberKeysForm';
import { ProfileForm } from './ProfileForm';
import { TelemetryForm } from './TelemetryForm';

export default function OrganisationSection() {
  const { data, error, refetch } = useQuery(customerQuery);
  const admin = isAdmin(useMe());
  return (
    <Section id="organisation">
      {error !== null && data === undefined && <Failed error={error} again={() => void refetch()} />}
      {error === null && data === undefined && <LoadingCards />}
      {data !== undefined && (
        <Stack gap="lg">
          {admin ? <Forms customer={data} /> : <Seen customer={data} />}
          <Card
            title="Budgets of the organisation"
            about="Every call of every key counts in these, on top of the budgets of keys, people and teams."
          >
            <BudgetsEditor
              place={{ kind: 'customer' }}
              name={data.name}
              mayChange={admin}
              none="No budget: the organisation as a whole is not limited."
            />
          </Card>
          {admin && <DangerZone customer={data} />}
        </Stack>
      )}
    </Section>
  );
}

function Forms({ customer }: { customer: Customer }) {
  return (
    <>
      <ProfileForm customer={customer} />
      <TelemetryForm customer={customer} />
      <MemberKeysForm customer={customer} />
    </>
  );
}

/** For managers, who may look. */
function Seen({ customer }: { customer: Customer }) {
  const { settings } = customer;
  const limits = settings.member_keys;
  return (
    <Card title="Set by your admins" about="Only admins can change these.">
      <div>
        <Term name="Name">{customer.name}</Term>
        <Term name="Billing e-mail">{customer.billing_email ?? 'None'}</Term>
        <Term name="Traces are kept">
          {settings.trace_retention_days === null
            ? 'As long as this installation keeps them'
            : `${settings.trace_retention_days} days`}
        </Term>
        <Term name="Prompts and answers">{settings.capture_content ? 'Kept' : 'Not kept'}</Term>
        <Term name="Members’ keys">
          {limits.max_budget_usd === null ? (
            'Any budget'
          ) : (
            <>
              At most <Money usd={limits.max_budget_usd} /> each
            </>
          )}
          , {limits.max_keys === null ? 'any number' : `at most ${limits.max_keys}`},{' '}
          {limits.allowed_models.length === 0 ? 'all models' : limits.allowed_models.join(', ')}
        </Term>
      </div>
    </Card>
  );
}
