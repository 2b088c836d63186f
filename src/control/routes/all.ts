import type { AnyRoute } from '../route.ts';
import { ACCESS_ROUTES } from './access.ts';
import { AUDIT_ROUTES } from './audit.ts';
import { GRANT_ROUTES } from './grants.ts';
import { HEALTH_ROUTES } from './health.ts';
import { OVERRIDE_ROUTES } from './overrides.ts';
import { POLICY_ROUTES } from './policies.ts';
import { PRESIGN_ROUTES } from './presign.ts';
import { RECORD_ROUTES } from './records.ts';
import { REGION_ROUTES } from './regions.ts';
import { RESOLVE_ROUTES } from './resolve.ts';
import { SIDECAR_ROUTES } from './sidecars.ts';
import { WEBHOOK_ROUTES } from './webhooks.ts';

/** Every path of the control API. */
export const ROUTES: readonly AnyRoute[] = [
  ...HEALTH_ROUTES,
  ...REGION_ROUTES,
  ...POLICY_ROUTES,
  ...RECORD_ROUTES,
  ...RESOLVE_ROUTES,
  ...ACCESS_ROUTES,
  ...GRANT_ROUTES,
  ...OVERRIDE_ROUTES,
  ...PRESIGN_ROUTES,
  ...AUDIT_ROUTES,
  ...SIDECAR_ROUTES,
  ...WEBHOOK_ROUTES,
];
