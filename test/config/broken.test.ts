import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { inspect } from './inspect.ts';

/** What each file of broken/ must be told: `code key` of every error, in the order of lines. */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  '01-unknown-keys.yaml': ['unknown_key self.nmae', 'unknown_key time_outs', 'unknown_key limits.head_byte'],
  '02-clear-secrets.yaml': [
    'clear_secret credentials.eu.secret_access_key',
    'clear_secret credentials.basic.password',
    'clear_secret credentials.key.value',
  ],
  '03-references.yaml': [
    'env_missing credentials.eu.access_key_id',
    'file_missing credentials.eu.secret_access_key',
    'bad_reference credentials.odd.value',
  ],
  '04-open-network.yaml': [
    'unauthenticated_network listeners.storage.listen',
    'bad_listen listeners.search.listen',
    'identity_source identity.sources',
  ],
  '05-no-region.yaml': ['missing_key self.region', 'out_of_range timeouts.connect_ms', 'wrong_type timeouts.idle_ms'],
  '06-unknown-region.yaml': [
    'unknown_region self.region',
    'default_policy default_policy',
    'alias_of_class classification.aliases.content',
  ],
  '07-tabs.yaml': ['yaml_tab_as_indent '],
  '08-duplicate-key.yaml': ['duplicate_key id'],
  '09-alias-bomb.yaml': ['alias_bomb '],
  '10-latin1.yaml': ['not_utf8 '],
  '11-duplicate-policies.yaml': ['duplicate_policy policies[1].id', 'equal_rank policies[3].id'],
  '12-contradictions.yaml': [
    'outside_mode policies[0].allowed_regions[0]',
    'outside_mode policies[1].allowed_regions[0]',
    'prohibits_itself policies[2].prohibited_regions[0]',
    'secondary_without_hybrid policies[3].secondary_regions',
    'hybrid_without_secondary policies[4].mode',
    'region_twice policies[5].allowed_regions[1]',
    'allowed_and_secondary policies[6].secondary_regions[0]',
    'cross_border_looser policies[7].cross_border.identity',
    'alias_for_class policies[8].classifications[0]',
    'unknown_framework policies[9].compliance_frameworks[0]',
    'unknown_region policies[9].primary_region',
    'no_sovereign_region policies[10].primary_region',
    'primary_not_sovereign policies[11].primary_region',
    'advisory_sovereign policies[12].policy_type',
    'empty_placement policies[13].primary_region',
    'subject_without_tenant policies[14].subject_id',
  ],
  '13-grants.yaml': [
    'empty_window grants[0].not_after',
    'goes_nowhere grants[0].to_region',
    'grant_for_all_users grants[0].user_id',
    'missing_key grants[1].user_id',
    'out_of_range grants[1].max_uses',
    'too_few grants[1].approved_by',
    'not_one_of grants[2].verbs[0]',
    'bad_instant grants[3].not_before',
    'unknown_region grants[3].to_region',
    'misshapen overrides[0].not_before',
  ],
  '14-regions.yaml': ['misshapen regions[0].country'],
  '15-endpoints.yaml': [
    'bad_network regions[0].networks[0]',
    'unknown_credential regions[0].endpoints.storage.signing.credentials',
    'unknown_placeholder regions[0].endpoints.storage.bucket',
    'endpoint_elsewhere regions[0].endpoints.storage.url',
    'unknown_placeholder regions[0].endpoints.search.index',
    'clear_secret regions[0].endpoints.search.url',
    'bad_url regions[0].endpoints.bedrock.url',
    'bad_url regions[0].endpoints.openai.url',
    'duplicate_region regions[1].id',
  ],
  '16-regime.yaml': ['empty_window valid_until', 'no_territory territory'],
  '17-tags.yaml': ['yaml_version ', 'yaml_tag_resolve_failed '],
  '18-two-documents.yaml': ['yaml_multiple_docs '],
  '19-empty.yaml': ['wrong_type '],
  '20-control.yaml': [
    'clear_secret store.url',
    'not_one_of identity.jwt.algorithms[0]',
    'keys_in_clear control.jwt.jwks_url',
    'bad_pattern approvals.ticket_pattern',
    'default_beyond_cap approvals.override_default_minutes',
    'feed_without_tls feed.listen',
    'feed_without_secret feed.listen',
    'clear_secret webhooks[0].secret',
    'not_one_of webhooks[0].events[0]',
    'identity_source identity.mtls',
  ],
  '21-audit.yaml': [
    'clear_secret audit.key',
    'bad_key audit.key',
    'out_of_range audit.flush_ms',
    'not_one_of audit.best_effort[0]',
    'not_one_of audit.strict_denials[0]',
    'strict_and_best_effort audit.strict_denials',
    'file_missing audit.pseudonyms.key',
    'ship_where audit.ship',
    'bad_name audit.retention.classes.secret',
    'out_of_range audit.retention.days',
  ],
};

const FOLDER = new URL('broken/', import.meta.url).pathname;
const GOOD = new URL('good/domicile.yaml', import.meta.url).pathname;

describe('domicile check on a folder of broken files', () => {
  const checked = inspect(['--config', GOOD, '--json', FOLDER]);

  it('has an expectation for every file', () => {
    expect(readdirSync(FOLDER).sort()).toEqual(Object.keys(EXPECTED).sort());
  });

  for (const [name, expected] of Object.entries(EXPECTED)) {
    it(`names every problem of ${name}, and no other`, async () => {
      const { problems } = await checked;
      const errors = problems.filter(({ file, severity }) => file.endsWith(`/${name}`) && severity === 'error');
      expect(errors.map(({ code, key }) => `${code} ${key}`).sort()).toEqual([...expected].sort());
    });
  }

  it('gives each problem a line, a message and a fix, and repeats no secret', async () => {
    const { problems, output, exitCode } = await checked;
    expect(exitCode).toBe(1);
    for (const { line, message, fix } of problems) {
      expect(line).toBeGreaterThanOrEqual(1);
      expect(message).not.toBe('');
      expect(fix).not.toBe('');
    }
    for (const secret of ['wJalrXUtnFEMI', 'hunter2', 'sk-123', 'user:secret']) expect(output).not.toContain(secret);
  });

  it('points at the line where each problem stands', async () => {
    const { problems } = await checked;
    const lineOf = (code: string, key: string) => problems.find((p) => p.code === code && p.key === key)?.line;
    expect(lineOf('unknown_key', 'limits.head_byte')).toBe(6);
    expect(lineOf('duplicate_key', 'id')).toBe(4);
    expect(lineOf('yaml_tab_as_indent', '')).toBe(2);
    expect(lineOf('empty_placement', 'policies[13].primary_region')).toBe(15);
  });
});
