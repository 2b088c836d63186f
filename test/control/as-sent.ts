/** Bodies of systems in use, as they stand. */
export const POLICY = {
  tenant_id: 'acme-edu',
  learner_id: 'student-123',
  primary_region: 'us-east',
  allowed_regions: ['us-west', 'ca-central'],
  prohibited_regions: ['eu-west'],
  compliance_frameworks: ['ferpa', 'coppa'],
  data_classification: 'educational',
  allow_cross_region_failover: true,
  data_retention_days: 2555,
  emergency_contact: 'dpo@acme-edu.com',
};
export const RESIDENCY = {
  name: 'GDPR Compliance Policy',
  residency_mode: 'regional',
  policy_type: 'mandatory',
  allowed_regions: ['eu-west-1', 'eu-central-1'],
};
export const RESOLVE = {
  tenant_id: 'acme-edu',
  learner_id: 'student-123',
  operation_type: 'read',
  resource_type: 'document',
  resource_id: 'assignment-456',
  requested_region: 'us-west',
};
export const OVERRIDE = {
  tenant_id: 'acme-edu',
  reason: 'us-east is down',
  affected_learners: ['student-123', 'student-456'],
  source_region: 'us-east',
  target_region: 'eu-west',
  duration_hours: 24,
};
export const REGION = {
  name: 'EU West (Ireland)',
  aws_region: 'eu-west-1',
  country_code: 'IE',
  data_center_location: 'Dublin, Ireland',
  availability_zones: ['eu-west-1a', 'eu-west-1b', 'eu-west-1c'],
};
export const CLASSIFY = {
  data_id: 'user-profile-12345',
  classification_level: 'identity',
  data_type: 'user_profile',
  sensitivity: 'high',
  pii_present: true,
  encryption_required: true,
};
export const REQUEST = {
  data_id: 'data-456',
  target_region: 'eu-west-1',
  access_type: 'read',
  reason: 'Customer support investigation',
};
