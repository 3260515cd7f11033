// Sends one span with the JavaScript SDK's exporters: `node send.mjs URL CREDENTIAL json|proto gzip|none`.
import { CompressionAlgorithm } from "@opentelemetry/otlp-exporter-base";
import { OTLPTraceExporter as Json } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as Proto } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";

const [, , url, credential, encoding, compression] = process.argv;
const Exporter = encoding === "json" ? Json : Proto;
const exporter = new Exporter({
  url,
  headers: { authorization: `Bearer ${credential}` },
  compression: compression === "gzip" ? CompressionAlgorithm.GZIP : CompressionAlgorithm.NONE,
});
const failed = [];
const watched = {
  export: (spans, done) => exporter.export(spans, (result) => {
    if (result.code !== 0) failed.push(result.error?.message ?? "refused");
    done(result);
  }),
  shutdown: () => exporter.shutdown(),
  forceFlush: () => exporter.forceFlush?.(),
};
const provider = new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter: watched })] });
const tracer = provider.getTracer("ai");
const outer = tracer.startSpan("ai.generateText", {
  attributes: { "ai.operationId": "ai.generateText", "ai.model.id": "gpt-4o-mini", "ai.usage.inputTokens": 11 },
});
const inner = tracer.startSpan("ai.generateText.doGenerate", {
  attributes: {
    "ai.operationId": "ai.generateText.doGenerate",
    "ai.model.id": "gpt-4o-mini",
    "ai.model.provider": "openai.chat",
    "ai.prompt.messages": "[]",
    "ai.usage.inputTokens": 11,
    "ai.usage.outputTokens": 4,
    "ai.response.finishReason": "stop",
  },
});
inner.addEvent("ai.stream.firstChunk", { "ai.response.msToFirstChunk": 12.5 });
inner.end();
outer.end();
await provider.forceFlush();
await provider.shutdown();
console.log(JSON.stringify({ trace: inner.spanContext().traceId, failed }));
