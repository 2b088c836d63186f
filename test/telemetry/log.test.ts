import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { accessLog, isLogLevel, Log, type LogLevel } from '../../src/telemetry/log.ts';
import { Redactor } from '../../src/telemetry/redact.ts';

/** A log whose lines are kept. */
function kept(level: LogLevel = 'info', redactor = new Redactor()) {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line));
  return { lines, log: new Log({ level, redactor, destination: { write } }) };
}

describe('a log line', () => {
  it('has exactly timestamp, level, message and the fields of the contract under their names', () => {
    const { lines, log } = kept();
    const fields = {
      tenant_id: 'acme',
      subject_id: 'student-123',
      user_id: 'support-1',
      region: 'eu-west',
      compliance_frameworks: ['gdpr'],
      operation_type: 'PutObject',
      emergency_override: false,
      request_id: 'r-1',
      reason: 'in_residency',
      policy: 'acme-eu@3',
    };
    log.info('request', fields);
    const { timestamp, ...rest } = lines[0]!;
    expect(rest).toEqual({ level: 'info', message: 'request', ...fields });
    expect(new Date(timestamp as string).toISOString()).toBe(timestamp);
    expect(Math.abs(Date.now() - Date.parse(timestamp as string))).toBeLessThan(5000);
  });

  it('has no secret in any field, nor in its message', () => {
    const { lines, log } = kept('info', new Redactor(['hunter2hunter2']));
    log.warn('signing with hunter2hunter2 failed', {
      authorization: 'AWS4-HMAC-SHA256 …',
      'x-amz-security-token': 'abc',
      headers: { authorization: 'x', host: 'h' },
      note: 'hunter2hunter2',
    });
    expect(lines[0]).toMatchObject({
      message: 'signing with [redacted] failed',
      authorization: '[redacted]',
      'x-amz-security-token': '[redacted]',
      headers: { authorization: '[redacted]', host: 'h' },
      note: '[redacted]',
    });
  });

  it('shows of an error its type and code but not its message, which may quote tenant data', () => {
    const { lines, log } = kept();
    log.error('upstream failed', { error: Object.assign(new Error('no acme-invoices'), { code: 'ENOTFOUND' }) });
    expect(lines[0]).toMatchObject({ message: 'upstream failed', error: { type: 'Error', code: 'ENOTFOUND' } });
    expect(JSON.stringify(lines[0])).not.toContain('acme');
  });

  it('stays one line, whatever is in it', () => {
    const written: string[] = [];
    const log = new Log({ level: 'info', destination: { write: (line) => void written.push(line) } });
    log.info('100 %s %d\n{"level":"fatal"}', { note: 'a\nb' });
    expect(written).toHaveLength(1);
    expect(written[0]!.indexOf('\n')).toBe(written[0]!.length - 1);
    expect(JSON.parse(written[0]!)).toMatchObject({
      level: 'info',
      message: '100 %s %d\n{"level":"fatal"}',
      note: 'a\nb',
    });
  });

  it('names the worker that wrote it, where there are several', () => {
    const written: string[] = [];
    const log = new Log({ level: 'info', destination: { write: (line) => void written.push(line) }, worker: 2 });
    log.info('request', { region: 'eu-west' });
    expect(JSON.parse(written[0]!)).toMatchObject({ message: 'request', worker: 2, region: 'eu-west' });
  });

  it('is written at its level and above, and the level can be changed at run time', () => {
    const { lines, log } = kept('warn');
    log.info('one');
    log.warn('two');
    log.setLevel('debug');
    expect(log.level).toBe('debug');
    log.debug('three');
    log.setLevel('fatal');
    log.error('four');
    log.fatal('five');
    expect(lines.map((line) => `${line['level']} ${line['message']}`)).toEqual([
      'warn two',
      'debug three',
      'fatal five',
    ]);
  });

  it('is not lost when the process exits, though it is written asynchronously', async () => {
    const module = new URL('../../src/telemetry/log.ts', import.meta.url).href;
    const script = `import { Log } from ${JSON.stringify(module)};
      const log = new Log({ level: 'info' });
      for (let i = 0; i < 1000; i++) log.info('line', { i });
      if (process.argv[1] === 'flush') await log.flush();
      process.exit(3);`;
    for (const how of ['exit', 'flush']) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script, how], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
      expect({ err, code }).toEqual({ err: '', code: 3 });
      const lines = out.trimEnd().split('\n');
      expect(lines).toHaveLength(1000);
      expect(JSON.parse(lines[999]!)).toMatchObject({ message: 'line', i: 999 });
    }
  });

  it('flush of a destination that does not buffer resolves at once', async () => {
    await expect(kept().log.flush()).resolves.toBeUndefined();
  });

  it('flush rejects when the lines could not be handed over', async () => {
    const destination = { write: () => {}, flush: (done: (error?: Error) => void) => done(new Error('disk full')) };
    await expect(new Log({ level: 'info', destination }).flush()).rejects.toThrow('disk full');
  });
});

describe('levels', () => {
  it('are the six words, and nothing that would silence the log', () => {
    expect(['trace', 'debug', 'info', 'warn', 'error', 'fatal'].every(isLogLevel)).toBe(true);
    expect(['silent', 'INFO', '', 'constructor'].some(isLogLevel)).toBe(false);
  });
});

describe('the access log', () => {
  it.each(['denials', 'all', 0, 0.5, 1] as const)('has every denial and everything notable with %s', (setting) => {
    const wants = accessLog(setting);
    for (let i = 0; i < 10; i++) {
      expect(wants(false, false)).toBe(true);
      expect(wants(true, true)).toBe(true);
    }
  });

  it('has no ordinary request with denials, and each with all', () => {
    expect(accessLog('denials')(true, false)).toBe(false);
    expect(accessLog('all')(true, false)).toBe(true);
  });

  it.each([
    [0, 0],
    [0.01, 10],
    [0.1, 100],
    [0.3, 300],
    [1, 1000],
  ])('has exactly the share of ordinary requests that the rate %d says, evenly spaced', (rate, expected) => {
    const wants = accessLog(rate);
    const logged: number[] = [];
    for (let i = 1; i <= 1000; i++) {
      wants(false, false); // denials do not use up the rate
      if (wants(true, false)) logged.push(i);
    }
    expect(logged).toHaveLength(expected);
    const gaps = logged.map((at, i) => at - (logged[i - 1] ?? 0));
    for (const gap of gaps) expect(Math.abs(gap - 1 / rate)).toBeLessThan(1);
  });

  it.each([-0.1, 1.1, Number.NaN])('refuses the rate %d', (rate) => {
    expect(() => accessLog(rate)).toThrow(TypeError);
  });
});
