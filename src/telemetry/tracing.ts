/**
 * OpenTelemetry spans around scheduling and running. Without an SDK in the process every call here does nothing, and without
 * an active span nothing is stored. What is stored is a W3C traceparent, so that a run belongs to the trace of whoever
 * scheduled it, in whatever process and however late.
 */
import {
  context,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';

// Finds the SDK once one is registered, also later than this.
const TRACER = 'carillon';
const tracer = trace.getTracer(TRACER);

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** Schedules within a span of its own, if its caller has one. `work` gets what is to be stored with the run. */
export function tracedScheduling<T extends Outcome | readonly Outcome[]>(
  definition: Scheduling,
  work: (traceparent: string | null) => Promise<T>,
): Promise<T> {
  const active = trace.getActiveSpan();
  return active && isSpanContextValid(active.spanContext()) ? withinSpan(definition, work) : work(null);
}

interface Scheduling {
  readonly name: string;
  readonly queue?: string;
}

interface Outcome {
  readonly id: string;
  readonly outcome: string;
}

async function withinSpan<T extends Outcome | readonly Outcome[]>(
  { name, queue }: Scheduling,
  work: (traceparent: string | null) => Promise<T>,
): Promise<T> {
  const attributes = { 'carillon.name': name, ...(queue !== undefined && { 'carillon.queue': queue }) };
  const span = tracer.startSpan(`schedule ${name}`, { kind: SpanKind.PRODUCER, attributes });
  try {
    const scheduled = await context.with(trace.setSpan(context.active(), span), () =>
      work(traceparentOf(span.spanContext())),
    );
    if ('id' in scheduled) span.setAttributes({ 'carillon.id': scheduled.id, 'carillon.outcome': scheduled.outcome });
    else span.setAttribute('carillon.count', scheduled.length);
    return scheduled;
  } catch (error) {
    failed(span, error);
    throw error;
  } finally {
    span.end();
  }
}

/** One effect while it runs. */
export interface RunSpan {
  /** Starts it so that spans of its own come under this one. */
  within<T>(start: () => T): T;
  end(outcome: 'ok' | 'failed' | 'aborted', error?: unknown): void;
}

export interface TracedRun {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly src: string;
  readonly attempt: number;
  /** What was stored with it. */
  readonly traceparent: string | null;
}

const CONSUMER = { kind: SpanKind.CONSUMER };

/** Most processes have no SDK: asked for every run, because one may come later. */
export function isTraced(traceparent: string | null): boolean {
  if (traceparent !== null) return true;
  const provider = trace.getTracerProvider() as { getDelegateTracer?(name: string): unknown };
  return provider.getDelegateTracer === undefined || provider.getDelegateTracer(TRACER) !== undefined;
}

/** Null: nobody records it, and it belongs to nothing. */
export function startRunSpan({ id, name, queue, src, attempt, traceparent }: TracedRun): RunSpan | null {
  const parent = traceparent === null ? null : readTraceparent(traceparent);
  // Whatever is active in the worker that happens to run it is not what it belongs to.
  const above = parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
  const span = tracer.startSpan(`run ${name}`, CONSUMER, above);
  if (!isSpanContextValid(span.spanContext())) return null;
  // Most runs are not seen by anybody: words are made only for those that are.
  if (span.isRecording()) {
    span.setAttributes({
      'carillon.id': id,
      'carillon.name': name,
      'carillon.queue': queue,
      'carillon.effect': src,
      'carillon.attempt': attempt,
    });
  }
  return {
    within: (start) => context.with(trace.setSpan(context.active(), span), start),
    end(outcome, error) {
      if (outcome === 'failed') failed(span, error);
      span.setAttribute('carillon.outcome', outcome);
      span.end();
    },
  };
}

function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

/** Null: it was written by a newer version, or by nobody who knows how. */
function readTraceparent(text: string): SpanContext | null {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(text) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return null;
  const parent = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return isSpanContextValid(parent) ? parent : null;
}

function failed(span: Span, error: unknown): void {
  const { message } = (error ?? {}) as { readonly message?: unknown };
  span.setStatus({ code: SpanStatusCode.ERROR, message: typeof message === 'string' ? message : String(error) });
}
