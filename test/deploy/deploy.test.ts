import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { control } from '../../src/cli/control.ts';
import { proxy } from '../../src/cli/proxy.ts';
import { serve } from '../../src/cli/serve.ts';
import { available, program } from '../servers/servers.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'domicile-deploy-'));
afterAll(() => rmSync(folder, { recursive: true }));

const COMMANDS = { serve, proxy, control };

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

interface Container {
  readonly name: string;
  readonly args?: readonly string[];
}

interface Workload {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly volumes: readonly { readonly configMap: { readonly items: readonly { readonly key: string }[] } }[];
        readonly containers: readonly Container[];
        readonly initContainers?: readonly Container[];
      };
    };
  };
}

/** What a file of Kubernetes resources holds. */
function kubernetes(name: string) {
  const documents = parseAllDocuments(readFileSync(join(root, 'deploy/kubernetes', name), 'utf8'));
  const resource = (kind: string): unknown => documents.find((document) => document.get('kind') === kind)?.toJS();
  const { data: files } = resource('ConfigMap') as { data: Record<string, string> };
  const { stringData: secrets } = resource('Secret') as { stringData: Record<string, string> };
  const {
    volumes,
    containers,
    initContainers = [],
  } = ((resource('Deployment') ?? resource('StatefulSet')) as Workload).spec.template.spec;
  const domicile = [...containers, ...initContainers].find((container) => container.name === 'domicile')!;
  return { files, secrets, mounted: volumes[0]!.configMap.items.map(({ key }) => key), args: domicile.args! };
}

describe.each(['sidecar.yaml', 'control.yaml'])('the Kubernetes example %s', (name) => {
  const { files, secrets, mounted, args } = kubernetes(name);

  it('holds a configuration that `domicile check` finds nothing wrong with, once its secrets are there', () => {
    const place = join(folder, name);
    const config = join(place, 'config');
    mkdirSync(config, { recursive: true });
    cpSync(join(root, 'policies/regimes'), join(place, 'policies/regimes'), { recursive: true });
    for (const [secret, value] of Object.entries(secrets)) writeFileSync(join(place, secret), value, { mode: 0o600 });
    for (const [file, text] of Object.entries(files))
      writeFileSync(join(config, file), text.replaceAll('/run/secrets/domicile', place));
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(root, 'src/main.ts'), 'check', '--config', join(config, 'domicile.yaml')],
      { encoding: 'utf8' },
    );
    expect(stdout + stderr).toBe('ok: 0 errors, 0 warnings\n');
    expect(status).toBe(0);
  });

  it('mounts every file of that configuration, and has just the secrets that it asks for', () => {
    expect(mounted.toSorted()).toEqual(Object.keys(files).toSorted());
    const asked = [...files['domicile.yaml']!.matchAll(/\/run\/secrets\/domicile\/([\w.-]+)/g)].map(([, file]) => file);
    expect([...new Set(asked)].toSorted()).toEqual(Object.keys(secrets).toSorted());
  });

  it('runs a command that there is, with options that it has', () => {
    isRunnable(args);
  });
});

it('the proxy of the Kubernetes example is fed where the control plane listens, and has its regions', () => {
  const [sidecar, plane] = [kubernetes('sidecar.yaml'), kubernetes('control.yaml')];
  expect(sidecar.args).toContain('https://domicile-control:8002');
  expect(plane.files['domicile.yaml']).toContain('listen: "0.0.0.0:8002"');
  expect(sidecar.files['regions.yaml']).toBe(plane.files['regions.yaml']);
});

describe.each(readdirSync(join(root, 'deploy/systemd')))('the systemd example %s', (name) => {
  it('runs a command that there is, with options that it has, on its own configuration', () => {
    const text = readFileSync(join(root, 'deploy/systemd', name), 'utf8');
    const [, line] = /^ExecStart=\/usr\/bin\/env domicile (.+)$/m.exec(text)!;
    expect(line).toContain('--config /etc/domicile/config/domicile.yaml');
    isRunnable(line!.split(' '));
  });
});

function isRunnable([command, ...rest]: readonly string[]): void {
  expect(Object.keys(COMMANDS)).toContain(command);
  const { help } = COMMANDS[command as keyof typeof COMMANDS];
  for (const option of rest.filter((word) => word.startsWith('--'))) expect(help).toContain(`${option} `);
}
