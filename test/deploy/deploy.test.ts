import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { available, program } from '../servers/servers.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'domicile-deploy-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(available('promtool'))('the alert rules', () => {
  it.each([
    ['are valid', ['check', 'rules', 'domicile-alerts.yaml']],
    ['fire when they should, and not before', ['test', 'rules', 'domicile-alerts_test.yaml']],
  ])('%s', (_, args) => {
    const { status, stdout, stderr } = spawnSync(program('promtool'), args, {
      cwd: join(root, 'deploy/prometheus'),
      encoding: 'utf8',
    });
    expect(status, stdout + stderr).toBe(0);
  });
});

describe('the Kubernetes example', () => {
  const documents = parseAllDocuments(readFileSync(join(root, 'deploy/kubernetes/sidecar.yaml'), 'utf8'));
  const resource = (kind: string) => documents.find((document) => document.get('kind') === kind)!;

  it('holds a configuration that `domicile check` finds nothing wrong with, once its secrets are there', () => {
    const files = resource('ConfigMap').toJS().data as Record<string, string>;
    const secrets = resource('Secret').toJS().stringData as Record<string, string>;
    const config = join(folder, 'config');
    mkdirSync(config);
    cpSync(join(root, 'policies/regimes'), join(folder, 'policies/regimes'), { recursive: true });
    for (const [name, value] of Object.entries(secrets)) writeFileSync(join(folder, name), value, { mode: 0o600 });
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(config, name), text.replaceAll('/run/secrets/domicile', folder));
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(root, 'src/main.ts'), 'check', '--config', join(config, 'domicile.yaml')],
      { encoding: 'utf8' },
    );
    expect(status, stdout + stderr).toBe(0);
  });

  it('mounts every file of that configuration, and asks only for secrets that it declares', () => {
    const files = resource('ConfigMap').toJS().data as Record<string, string>;
    const mounted = resource('Deployment').toJS().spec.template.spec.volumes[0].configMap.items as { key: string }[];
    expect(mounted.map(({ key }) => key).toSorted()).toEqual(Object.keys(files).toSorted());
    const asked = [...files['domicile.yaml']!.matchAll(/\$\{file:\/run\/secrets\/domicile\/([^}]+)\}/g)];
    expect(asked.map(([, name]) => name)).toEqual(Object.keys(resource('Secret').toJS().stringData));
  });
});
