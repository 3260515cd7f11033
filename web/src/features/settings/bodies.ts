/** The sections' bodies; each loads when it is first visited. */

import { type ComponentType, lazy } from 'react';
import type { SectionId } from './sections';

export const BODIES: Readonly<Record<SectionId, ComponentType>> = {
  organisation: lazy(() => import('./organisation/OrganisationSection')),
  gateway: lazy(() => import('./gateway/GatewaySection')),
  tokens: lazy(() => import('./tokens/TokensSection')),
  otlp: lazy(() => import('./otlp/OtlpSection')),
  exports: lazy(() => import('./exports/ExportsSection')),
  alerts: lazy(() => import('./alerts/AlertsSection')),
  billing: lazy(() => import('./billing/BillingSection')),
  ledger: lazy(() => import('./ledger/LedgerSection')),
  audit: lazy(() => import('./audit/AuditSection')),
  account: lazy(() => import('./account/AccountSection')),
};
