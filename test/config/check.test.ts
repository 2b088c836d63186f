import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { inspect } from './inspect.ts';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const GOOD = 'test/config/good';

describe('domicile check', () => {
  it('passes a good configuration in one line and exits 0', async () => {
    const { exitCode, output } = await inspect(['--config', `${GOOD}/domicile.yaml`]);
    expect(output).toBe('ok: 0 errors, 0 warnings\n');
    expect(exitCode).toBe(0);
  });

  it('checks config/domicile.yaml by default, and names what a fresh machine lacks', async () => {
    const { exitCode, output } = await inspect([]);
    expect(output).toContain(
      'credentials.aws.access_key_id: the environment variable AWS_ACCESS_KEY_ID is not set. Fix: set AWS_ACCESS_KEY_ID',
    );
    expect(output).toMatch(/^config\/domicile\.yaml:\d+: /);
    expect(exitCode).toBe(1);
  });

  it('checks a folder that holds a domicile.yaml with everything that it names', async () => {
    const { exitCode, output } = await inspect(['--config', 'nowhere.yaml', GOOD]);
    expect(output).toBe('ok: 0 errors, 0 warnings\n');
    expect(exitCode).toBe(0);
  });

  it('checks files against the regions and regimes of --config', async () => {
    const config = ['--config', `${GOOD}/domicile.yaml`];
    expect((await inspect([...config, 'policies/examples'])).output).toBe('ok: 0 errors, 0 warnings\n');
    const shipped = await inspect(['policies/examples']);
    expect(shipped.output).toContain(
      'policies[0].primary_region: no region in DE is sovereign. Fix: mark one sovereign',
    );
    expect(shipped.exitCode).toBe(1);
  });

  it('passes the shipped regions and regimes by themselves, without any credentials', async () => {
    const { exitCode, problems } = await inspect(['--json', 'config/regions.yaml', 'policies/regimes']);
    expect(problems.filter(({ code }) => code !== 'review_due')).toEqual([]);
    expect(exitCode).toBe(0);
  });

  it('names a path that is not there or holds nothing', async () => {
    const { exitCode, problems } = await inspect(['--json', 'nowhere', 'test/config/good/policies/regimes']);
    expect(problems.map(({ code, file }) => `${code} ${file.split('/').at(-1)}`)).toEqual(['not_found nowhere']);
    expect(exitCode).toBe(1);
  });
});

describe('what is generated from the schemas', () => {
  it('is current', async () => {
    const failed = await new Promise<string>((resolve) => {
      execFile(process.execPath, ['src/app/config/generate.ts', '--check'], { cwd: PROJECT }, (error, _, errors) =>
        resolve(error === null ? '' : errors),
      );
    });
    expect(failed).toBe('');
  });

  it('is named by every sample, so that editors check it', () => {
    const folders = ['config', 'policies', 'policies/grants', 'policies/examples', 'policies/regimes'];
    const samples = folders.flatMap((folder) =>
      readdirSync(join(PROJECT, folder))
        .filter((name) => name.endsWith('.yaml'))
        .map((name) => [folder, name] as const),
    );
    expect(samples.length).toBeGreaterThan(15);
    for (const [folder, name] of samples) {
      const text = readFileSync(join(PROJECT, folder, name), 'utf8');
      const schema = /^# yaml-language-server: \$schema=(\S+)\n/.exec(text)?.[1];
      expect(schema, `${folder}/${name}`).toBeDefined();
      expect(JSON.parse(readFileSync(join(PROJECT, folder, schema as string), 'utf8'))).toHaveProperty('$schema');
    }
  });
});
