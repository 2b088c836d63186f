import { describe, expect, test } from 'vitest';
import { guardModel, providerOf } from '../../../src/dialect/bedrock/model.ts';
import { destinationsOf } from '../../../src/dialect/bedrock/profiles.ts';
import { placeOf, type Situation } from '../inference.ts';

const CLAUDE = 'anthropic.claude-sonnet-4-5-20250929-v1:0';
const EU = ['eu-central-1', 'eu-north-1', 'eu-south-1', 'eu-south-2', 'eu-west-1', 'eu-west-3'];
const US = ['us-east-1', 'us-east-2', 'us-west-2'];

function judge(id: string, situation: Situation = {}): string {
  return guardModel(id, placeOf('bedrock', situation))?.leak ?? 'passed';
}

const opaque = (kind: string, id: string): string => `arn:aws:bedrock:eu-west-1:123456789012:${kind}/${id}`;

describe('bare ids', () => {
  test.each([
    [CLAUDE, 'passed'],
    ['amazon.nova-lite-v1:0', 'passed'],
    ['meta.llama3-1-70b-instruct-v1:0:128k', 'passed'],
    ['openai.gpt-oss-120b-1:0', 'passed'],
    ['acme.model-v1', 'model_unknown'],
    ['Anthropic.claude-v2', 'model_unknown'],
    ['anthropic', 'model_unknown'],
    ['anthropic.', 'model_unknown'],
    ['anthropic.x/y', 'model_unknown'],
    ['abcdef123456', 'model_unknown'],
  ])('%s: %s', (id, expected) => {
    expect(judge(id)).toBe(expected);
  });

  test('a provider that only the endpoint knows passes there', () => {
    expect(judge('acme.model-v1', { endpoint: { providers: ['acme'] } })).toBe('passed');
  });
});

describe('geography prefixes', () => {
  test('one passes only when its whole destination set is inside P(process)', () => {
    expect(judge(`eu.${CLAUDE}`, { process: EU })).toBe('passed');
    for (const missing of EU) {
      expect(judge(`eu.${CLAUDE}`, { process: EU.filter((name) => name !== missing) })).toBe('geography_profile');
    }
    expect(judge(`eu.${CLAUDE}`, { process: ['eu-west-1', 'eu-central-1'] })).toBe('geography_profile');
  });

  test('the set depends on the source region', () => {
    const zurich: Situation = { cloudRegion: 'eu-central-2', process: EU };
    expect(judge(`eu.${CLAUDE}`, zurich)).toBe('geography_profile');
    expect(judge(`eu.${CLAUDE}`, { ...zurich, process: [...EU, 'eu-central-2'] })).toBe('passed');
    expect(judge(`us.${CLAUDE}`, { cloudRegion: 'us-east-1', process: US })).toBe('passed');
  });

  test('where it is not known for a source region, the whole geography must be inside', () => {
    expect(judge(`us.${CLAUDE}`, { cloudRegion: 'us-west-2', process: US })).toBe('geography_profile');
    const america = [...US, 'us-west-1', 'ca-central-1', 'ca-west-1'];
    expect(judge(`us.${CLAUDE}`, { cloudRegion: 'us-west-2', process: america })).toBe('passed');
    expect(judge(`eu.${CLAUDE}`, { cloudRegion: 'eu-west-2', process: [...EU, 'eu-west-2'] })).toBe(
      'geography_profile',
    );
  });

  test('apac reaches the Emirates', () => {
    const process = destinationsOf('apac', 'ap-south-1') ?? [];
    expect(process).toContain('me-central-1');
    expect(judge('apac.amazon.nova-lite-v1:0', { cloudRegion: 'ap-south-1', process })).toBe('passed');
    const asia = process.filter((name) => name.startsWith('ap-'));
    expect(judge('apac.amazon.nova-lite-v1:0', { cloudRegion: 'ap-south-1', process: asia })).toBe('geography_profile');
  });

  test('global never passes, not even where everything is permitted or the operator lists it', () => {
    const everywhere = [...EU, ...US, ...(destinationsOf('apac', 'ap-south-1') ?? [])];
    const endpoint = { providers: ['global'], arns: [`global.${CLAUDE}`] };
    expect(judge(`global.${CLAUDE}`, { process: everywhere, endpoint })).toBe('global_profile');
    expect(
      judge(`arn:aws:bedrock:eu-west-1:123456789012:inference-profile/global.${CLAUDE}`, { process: everywhere }),
    ).toBe('global_profile');
  });

  test.each([
    `in.${CLAUDE}`,
    `ca.${CLAUDE}`,
    `us-gov2.${CLAUDE}`,
    `EU.${CLAUDE}`,
    `eu.eu.${CLAUDE}`,
    'eu.acme.model',
    'eu.',
    'eu',
  ])('%s is not known', (id) => {
    expect(judge(id, { process: EU })).toBe('model_unknown');
  });
});

describe('ARNs', () => {
  test.each([
    [`arn:aws:bedrock:eu-west-1::foundation-model/${CLAUDE}`, 'passed'],
    [`arn:aws:bedrock:us-east-1::foundation-model/${CLAUDE}`, 'model_arn_region'],
    [`arn:aws:bedrock:::foundation-model/${CLAUDE}`, 'model_arn_region'],
    [`arn:aws:bedrock:eu-west-1::foundation-model/eu.${CLAUDE}`, 'model_unknown'],
    [`arn:aws:bedrock:eu-west-1::foundation-model/global.${CLAUDE}`, 'model_unknown'],
    [opaque('inference-profile', `eu.${CLAUDE}`), 'passed'],
    [opaque('inference-profile', `us.${CLAUDE}`), 'geography_profile'],
    [opaque('inference-profile', CLAUDE), 'model_unknown'],
    [`arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.${CLAUDE}`, 'model_arn_region'],
    ['arn:aws:bedrock:eu-west-1', 'model_arn'],
    ['arn:aws:s3:eu-west-1:123456789012:bucket/x', 'model_arn'],
    [opaque('agent', 'x'), 'model_arn'],
  ])('%s: %s', (id, expected) => {
    expect(judge(id, { process: EU })).toBe(expected);
  });

  test.each([
    'application-inference-profile',
    'custom-model',
    'custom-model-deployment',
    'imported-model',
    'provisioned-model',
    'prompt',
    'prompt-router',
    'default-prompt-router',
  ])('%s passes only when it is listed, by id or as a whole, and in the region', (kind) => {
    const arn = opaque(kind, 'abc123');
    expect(judge(arn)).toBe('model_arn');
    expect(judge(arn, { endpoint: { arns: ['abc123'] } })).toBe('passed');
    expect(judge(arn, { endpoint: { arns: [arn] } })).toBe('passed');
    expect(judge(arn, { endpoint: { arns: [arn.slice(0, -1), 'ABC123', 'abc12', `${arn}4`] } })).toBe('model_arn');
    const abroad = arn.replace('eu-west-1', 'us-east-1');
    expect(judge(abroad, { endpoint: { arns: [abroad, 'abc123'] } })).toBe('model_arn_region');
  });

  test('a SageMaker endpoint is listed as such', () => {
    const arn = 'arn:aws:sagemaker:eu-west-1:123456789012:endpoint/mine';
    expect(judge(arn)).toBe('model_arn');
    expect(judge(arn, { endpoint: { arns: [arn] } })).toBe('passed');
    expect(judge(arn.replace('sagemaker', 'bedrock'), { endpoint: { arns: ['mine'] } })).toBe('model_arn');
  });

  test('an opaque id without an ARN is compared exactly', () => {
    expect(judge('abc123', { endpoint: { arns: ['abc123'] } })).toBe('passed');
    expect(judge('abc1234', { endpoint: { arns: ['abc123'] } })).toBe('model_unknown');
  });
});

test('the provider of an id is told from its name', () => {
  expect(providerOf(CLAUDE)).toBe('anthropic');
  expect(providerOf(`eu.${CLAUDE}`)).toBe('anthropic');
  expect(providerOf(`arn:aws:bedrock:eu-west-1::foundation-model/${CLAUDE}`)).toBe('anthropic');
  expect(providerOf('abc123')).toBeNull();
});
