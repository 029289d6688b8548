/** The real OpenTelemetry SDK, with its spans in memory. */
import { context, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';

export interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parent: string | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly failed: boolean;
}

/** Registers it for this process; `off` leaves none behind. */
export function useSdk(): { spans(): Span[]; reset(): void; off(): void } {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  return {
    spans: () => exporter.getFinishedSpans().map(spanOf),
    reset: () => exporter.reset(),
    off() {
      trace.disable();
      context.disable();
    },
  };
}

function spanOf(span: ReadableSpan): Span {
  const { traceId, spanId } = span.spanContext();
  const { name, attributes } = span;
  return {
    name,
    traceId,
    spanId,
    parent: span.parentSpanContext?.spanId,
    attributes,
    failed: span.status.code === SpanStatusCode.ERROR,
  };
}
