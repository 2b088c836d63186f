import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createTracing, NO_TRACING, type Tracing } from '../../src/telemetry/trace.ts';

interface OtlpSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly status: { readonly code?: number };
  readonly attributes: { readonly key: string; readonly value: Record<string, unknown> }[];
}

interface OtlpRequest {
  readonly resourceSpans: {
    readonly resource: { readonly attributes: { readonly key: string; readonly value: Record<string, unknown> }[] };
    readonly scopeSpans: { readonly spans: OtlpSpan[] }[];
  }[];
}

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT_ID = '00f067aa0ba902b7';
const SAMPLED = `00-${TRACE_ID}-${PARENT_ID}-01`;

let receiver: Server | undefined;

/** Takes OTLP over HTTP as a collector does. */
async function receiving(status = 200): Promise<{ url: string; received: { path: string; body: OtlpRequest }[] }> {
  const received: { path: string; body: OtlpRequest }[] = [];
  receiver = createServer(async (request, response) => {
    received.push({ path: request.url!, body: (await json(request)) as OtlpRequest });
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  return { url: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`, received };
}

// The SDK reads these from the process itself; what the caller's shell holds must not decide here.
beforeAll(() => {
  for (const name of ['OTEL_SERVICE_NAME', 'OTEL_RESOURCE_ATTRIBUTES', 'OTEL_TRACES_SAMPLER'])
    vi.stubEnv(name, undefined);
});
afterAll(() => {
  vi.unstubAllEnvs();
});

afterEach(() => {
  receiver?.closeAllConnections();
  receiver?.close();
  receiver = undefined;
});

const failures: unknown[] = [];
const options = { version: '1.2.3', onExportError: (error: unknown) => void failures.push(error) };

function spansOf(received: { body: OtlpRequest }[]): OtlpSpan[] {
  return received.flatMap(({ body }) => body.resourceSpans.flatMap((r) => r.scopeSpans.flatMap((s) => s.spans)));
}

function one(tracing: Tracing, traceparent: string | null): void {
  const span = tracing.start(traceparent, 'storage')!;
  tracing.end(span, 'deny', 'region_not_allowed', null, 403);
}

describe('tracing that is on', () => {
  it('sends a span with the trace and parent of the traceparent, the decision, and nothing else', async () => {
    const { url, received } = await receiving();
    const tracing = await createTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: url }, options);
    const span = tracing.start(SAMPLED, 'storage')!;
    const sent = tracing.traceparent(span);
    tracing.end(span, 'allow', 'in_residency', 'eu-west', 200);
    await tracing.shutdown();

    expect(received.map(({ path }) => path)).toEqual(['/v1/traces']);
    const [arrived, ...more] = spansOf(received);
    expect(more).toEqual([]);
    expect(arrived).toMatchObject({ name: 'domicile.request', traceId: TRACE_ID, parentSpanId: PARENT_ID });
    expect(sent).toBe(`00-${TRACE_ID}-${arrived!.spanId}-01`);
    const attributes = arrived!.attributes.map(({ key, value }) => [key, Object.values(value)[0]]);
    expect(Object.fromEntries(attributes)).toEqual({
      'domicile.service': 'storage',
      'domicile.decision': 'allow',
      'domicile.reason': 'in_residency',
      'domicile.region': 'eu-west',
      'http.response.status_code': 200,
    });
    const resource = received[0]!.body.resourceSpans[0]!.resource.attributes;
    expect(resource).toContainEqual({ key: 'service.name', value: { stringValue: 'domicile' } });
    expect(resource.map(({ key }) => key)).not.toContain('host.name');
  });

  it.each([
    ['absent', null],
    ['not in the form', 'acme'],
    ['of the forbidden version', `ff-${TRACE_ID}-${PARENT_ID}-01`],
    ['of version 00 with more in it', `${SAMPLED}-more`],
    ['in upper case', SAMPLED.toUpperCase()],
    ['without a trace', `00-${'0'.repeat(32)}-${PARENT_ID}-01`],
    ['without a parent', `00-${TRACE_ID}-${'0'.repeat(16)}-01`],
  ])('begins a trace of its own when the traceparent is %s', async (_, traceparent) => {
    const { url, received } = await receiving();
    const tracing = await createTracing({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url}/own` }, options);
    one(tracing, traceparent);
    await tracing.shutdown();
    expect(received.map(({ path }) => path)).toEqual(['/own']);
    const [span] = spansOf(received);
    expect(span!.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(span!.traceId).not.toBe(TRACE_ID);
    expect(span!.parentSpanId ?? '').toBe('');
    expect(span!.attributes.map(({ key }) => key)).not.toContain('domicile.region');
  });

  it('takes a traceparent of a later version, which may hold more', async () => {
    const { url, received } = await receiving();
    const tracing = await createTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: `${url}/` }, options);
    one(tracing, `01-${TRACE_ID}-${PARENT_ID}-01-later`);
    await tracing.shutdown();
    expect(spansOf(received)[0]!.traceId).toBe(TRACE_ID);
  });

  it('sends nothing for a request whose caller does not sample', async () => {
    const { url, received } = await receiving();
    const tracing = await createTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: url }, options);
    const span = tracing.start(`00-${TRACE_ID}-${PARENT_ID}-00`, 'search')!;
    expect(tracing.traceparent(span)).toMatch(new RegExp(`^00-${TRACE_ID}-[0-9a-f]{16}-00$`));
    tracing.end(span, 'allow', 'in_residency', 'eu-west', 200);
    await tracing.shutdown();
    expect(received).toEqual([]);
  });

  it('marks a 5xx as an error and a refusal as none', async () => {
    const { url, received } = await receiving();
    const tracing = await createTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: url }, options);
    tracing.end(tracing.start(SAMPLED, 'storage')!, 'allow', 'upstream_timeout', 'eu-west', 504);
    one(tracing, SAMPLED);
    await tracing.shutdown();
    expect(spansOf(received).map(({ status }) => status.code ?? 0)).toEqual([2, 0]);
  });

  it('says once that spans cannot be sent, and shuts down all the same', async () => {
    const { url } = await receiving(400);
    failures.length = 0;
    const tracing = await createTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: url }, options);
    one(tracing, SAMPLED);
    await tracing.shutdown();
    expect(failures).toHaveLength(1);
  });
});

describe('tracing that is off', () => {
  it.each([
    [{}],
    [{ OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' }],
    [{ OTEL_TRACES_EXPORTER: 'console', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' }],
    [{ OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' }],
  ])('with %j is one object that makes no spans', async (env) => {
    const tracing = await createTracing(env, options);
    expect(tracing).toBe(NO_TRACING);
    expect(tracing.start(SAMPLED, 'storage')).toBeNull();
    await expect(tracing.shutdown()).resolves.toBeUndefined();
  });

  it('is on with OTEL_TRACES_EXPORTER=otlp alone', async () => {
    const tracing = await createTracing({ OTEL_TRACES_EXPORTER: 'otlp' }, options);
    expect(tracing).not.toBe(NO_TRACING);
    await tracing.shutdown();
  });
});

describe('variables that make no sense are one line with the fix', () => {
  it.each([
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, 'OTEL_EXPORTER_OTLP_ENDPOINT is no http or https URL'],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'nope' }, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is no http or https URL'],
    [{ OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'OTEL_EXPORTER_OTLP_PROTOCOL=grpc'],
  ])('%j', async (env, message) => {
    await expect(createTracing(env, options)).rejects.toThrow(message);
  });
});
