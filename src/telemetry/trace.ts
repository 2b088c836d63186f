import type { Span } from '@opentelemetry/api';
import { isTraceparent } from '../core/ids.ts';
import type { Effect, Reason } from '../core/reasons.ts';
import type { Service } from '../core/vocabulary.ts';

/** One span per request. Nothing of the tenant is in it: no id, no subject, no resource name. */
export interface Tracing {
  /**
   * Begins the span `domicile.request`. Null when tracing is off.
   * @param traceparent header as received (W3C Trace Context), or null; an invalid one is as none
   */
  start(traceparent: string | null, service: Service): Span | null;
  /** The `traceparent` to send upstream, with this span as the parent. */
  traceparent(span: Span): string;
  /** Ends the span. `region` is null when there was no target, `status` the one sent to the client. */
  end(span: Span, decision: Effect, reason: Reason, region: string | null, status: number): void;
  /** Sends what is left, for at most three seconds. Never rejects. */
  shutdown(): Promise<void>;
}

/** Tracing that is off. */
export const NO_TRACING: Tracing = {
  start: () => null,
  traceparent: () => {
    throw new TypeError('there is no span when tracing is off');
  },
  end: () => {},
  shutdown: () => Promise.resolve(),
};

export interface TracingOptions {
  readonly version: string;
  /** Told when sending spans begins to fail, once until it works again. */
  onExportError(error: unknown): void;
}

const SHUTDOWN_MS = 3000;

interface Parent {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
  readonly isRemote: true;
}

function parentOf(traceparent: string): Parent | null {
  if (!isTraceparent(traceparent)) return null;
  return {
    traceId: traceparent.slice(3, 35),
    spanId: traceparent.slice(36, 52),
    traceFlags: Number.parseInt(traceparent.slice(53, 55), 16) & 1,
    isRemote: true,
  };
}

/** Where spans go, or null when tracing is off. */
function endpointOf(env: NodeJS.ProcessEnv): string | null {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return null;
  const exporter = env['OTEL_TRACES_EXPORTER'];
  if (exporter !== undefined && exporter !== '' && exporter !== 'otlp') return null;
  const own = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];
  const shared = env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  const protocol = env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] || env['OTEL_EXPORTER_OTLP_PROTOCOL'];
  if (!own && !shared && exporter !== 'otlp') return null;
  if (protocol === 'grpc') {
    throw new Error('OTEL_EXPORTER_OTLP_PROTOCOL=grpc is not spoken: unset it, and name the HTTP port (usually 4318)');
  }
  const url = own || `${(shared || 'http://localhost:4318').replace(/\/+$/, '')}/v1/traces`;
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    const variable = own ? 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT' : 'OTEL_EXPORTER_OTLP_ENDPOINT';
    throw new Error(`${variable} is no http or https URL: write it as http://HOST:4318`);
  }
  return url;
}

/**
 * Tracing as the `OTEL_*` variables say: on when `OTEL_EXPORTER_OTLP_ENDPOINT` or `…_TRACES_ENDPOINT` is set, or
 * `OTEL_TRACES_EXPORTER=otlp`; off with `OTEL_SDK_DISABLED=true` or any other exporter. Off, the SDK is not even loaded.
 * Headers, timeouts, sampler and resource attributes are read by the SDK, from the process's own environment.
 *
 * @throws Error (one line, with the fix) when a variable makes no sense
 * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter/
 */
export async function createTracing(env: NodeJS.ProcessEnv, options: TracingOptions): Promise<Tracing> {
  const url = endpointOf(env);
  if (url === null) return NO_TRACING;
  const { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = await import('@opentelemetry/api');
  const { BasicTracerProvider, BatchSpanProcessor } = await import('@opentelemetry/sdk-trace-node');
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
  const { defaultResource, detectResources, envDetector, resourceFromAttributes } =
    await import('@opentelemetry/resources');

  const exporter = new OTLPTraceExporter({ url });
  let failing = false;
  const failed = (error: unknown): void => {
    if (!failing) options.onExportError(error);
    failing = true;
  };
  const processor = new BatchSpanProcessor({
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        if (result.code === 0) failing = false;
        else failed(result.error);
        done(result);
      }),
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
  });
  const provider = new BasicTracerProvider({
    // The names that the environment gives win over ours.
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'domicile', 'service.version': options.version }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [processor],
  });
  const tracer = provider.getTracer('domicile', options.version);

  return {
    start(traceparent, service) {
      const parent = traceparent === null ? null : parentOf(traceparent);
      const context = parent === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
      const attributes = { 'domicile.service': service };
      return tracer.startSpan('domicile.request', { kind: SpanKind.SERVER, attributes }, context);
    },
    traceparent(span) {
      const { traceId, spanId, traceFlags } = span.spanContext();
      return `00-${traceId}-${spanId}-0${traceFlags & 1}`;
    },
    end(span, decision, reason, region, status) {
      span.setAttribute('domicile.decision', decision);
      span.setAttribute('domicile.reason', reason);
      if (region !== null) span.setAttribute('domicile.region', region);
      span.setAttribute('http.response.status_code', status);
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
    async shutdown() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, SHUTDOWN_MS);
      });
      await Promise.race([provider.shutdown().catch(failed), late]);
      clearTimeout(timer);
    },
  };
}
