import { describe, expect, it } from 'vitest';
import type { Settings } from '../../src/app/config/settings.ts';
import { LoggedEvidence } from '../../src/app/control-evidence.ts';
import { MemoryJournal } from '../control/journal.ts';

describe('evidence of a reload', () => {
  const facts = { file: '/etc/domicile/domicile.yaml', revision: 3, why: 'SIGHUP' };

  it('is durable before the files are put in force', async () => {
    const journal = new MemoryJournal();
    await new LoggedEvidence(journal, 'sidecar-1', null).reloaded(facts);
    expect(journal.size).toBe(1);
    expect(journal.told()).toMatchObject([
      {
        kind: 'control',
        request_id: '',
        tenant: '',
        actor: 'domicile',
        action: 'config.reloaded',
        object: 'config',
        object_id: facts.file,
        revision: 3,
        outcome: 'done',
        data: { why: 'SIGHUP' },
      },
    ]);
  });

  it('says what was wrong in files that were refused', async () => {
    const journal = new MemoryJournal();
    await new LoggedEvidence(journal, 'sidecar-1', null).reloadRefused(facts, 'policies.yaml:3: no such region');
    expect(journal.told()).toMatchObject([
      { action: 'config.refused', outcome: 'refused', detail: 'policies.yaml:3: no such region' },
    ]);
  });

  it('that cannot be written refuses the reload', async () => {
    const journal = new MemoryJournal();
    const evidence = new LoggedEvidence(journal, 'sidecar-1', null);
    journal.sync = () => Promise.reject(new Error('no space left'));
    await expect(evidence.reloaded(facts)).rejects.toThrow('no space left');
    Object.assign(journal, { hasRoom: false, failing: 'no space left' });
    await expect(evidence.reloaded(facts)).rejects.toMatchObject({ status: 503, reason: 'audit_unavailable' });
    expect(journal.refusals).toBe(1);
  });

  it('is cut where it would be longer than an entry may be', async () => {
    const journal = new MemoryJournal(); // it throws for a longer one
    await new LoggedEvidence(journal, 'sidecar-1', null).reloadRefused(facts, 'ü'.repeat(50_000));
    expect(journal.told()[0]!['detail']).toMatch(/ … sha256:[0-9a-f]{64}$/);
  });

  it('puts pseudonyms in force for what comes after it', async () => {
    const journal = new MemoryJournal();
    const evidence = new LoggedEvidence(journal, 'sidecar-1', null);
    const asked = { requestId: 'r', tenant: 'acme', actor: 'ann', action: 'access.resolved', subject: 's-1' } as const;
    await evidence.query({ ...asked, status: 200 }, 'batch');
    const settings = { self: { name: 'sidecar-1' }, audit: { pseudonyms: { key: 'k', fields: ['subject'] } } };
    evidence.settings = settings as unknown as Settings;
    await evidence.query({ ...asked, status: 200 }, 'batch');
    expect(journal.told()).toMatchObject([{ subject: 's-1' }, { subject: expect.stringMatching(/^hmac:/) }]);
  });
});
