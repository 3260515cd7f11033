/** What to copy, by what one sends from; docs/guides/traces.md says the same. Pure. */

export type Snippet = { id: string; label: string; where: string; code: string };

/** Stands where the reader's own token goes: no real one is ever put into the page. */
export const TOKEN = 'tht_YOUR_TOKEN';

export function endpointOf(origin: string): string {
  return `${origin}/v1/traces`;
}

export function snippetsFor(origin: string): Snippet[] {
  const endpoint = endpointOf(origin);
  return [
    { id: 'env', label: 'Any SDK', where: 'In the environment of the program', code: environment(endpoint) },
    { id: 'python', label: 'Python', where: 'Where the program starts', code: python(endpoint) },
    { id: 'js', label: 'JavaScript', where: 'instrumentation.mjs, loaded first', code: javascript(endpoint) },
    { id: 'go', label: 'Go', where: 'Where the program starts', code: go(endpoint) },
    { id: 'openllmetry', label: 'OpenLLMetry', where: 'Where the program starts', code: openllmetry(origin) },
    { id: 'claude', label: 'Claude Code', where: 'In the shell that it runs in', code: claudeCode(endpoint) },
    {
      id: 'collector',
      label: 'Collector',
      where: 'In the OpenTelemetry Collector’s configuration',
      code: collector(endpoint),
    },
    {
      id: 'curl',
      label: 'curl',
      where: 'To try it: an answer of {} means that it is stored',
      code: curl(endpoint),
    },
  ];
}

function environment(endpoint: string): string {
  return `export OTEL_SERVICE_NAME=my-service
export OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf
export OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=${endpoint}
export OTEL_EXPORTER_OTLP_TRACES_HEADERS="authorization=Bearer%20${TOKEN}"
export OTEL_EXPORTER_OTLP_TRACES_COMPRESSION=gzip`;
}

function python(endpoint: string): string {
  return `from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(
    BatchSpanProcessor(
        OTLPSpanExporter("${endpoint}", headers={"authorization": "Bearer ${TOKEN}"})
    )
)
OpenAIInstrumentor().instrument(tracer_provider=provider)`;
}

function javascript(endpoint: string): string {
  return `import { NodeSDK } from '@opentelemetry/sdk-node';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';

const sdk = new NodeSDK({
  serviceName: 'my-service',
  traceExporter: new OTLPTraceExporter({
    url: '${endpoint}',
    headers: { authorization: 'Bearer ${TOKEN}' },
  }),
});
sdk.start();`;
}

function go(endpoint: string): string {
  return `exporter, err := otlptracehttp.New(ctx,
    otlptracehttp.WithEndpointURL("${endpoint}"),
    otlptracehttp.WithHeaders(map[string]string{"authorization": "Bearer ${TOKEN}"}),
    otlptracehttp.WithCompression(otlptracehttp.GzipCompression),
)
if err != nil {
    return err
}
otel.SetTracerProvider(trace.NewTracerProvider(trace.WithBatcher(exporter)))`;
}

/** OpenLLMetry adds /v1/traces by itself. */
function openllmetry(origin: string): string {
  return `from traceloop.sdk import Traceloop

Traceloop.init(
    app_name="my-service",
    api_endpoint="${origin}",
    headers={"authorization": "Bearer ${TOKEN}"},
)`;
}

function claudeCode(endpoint: string): string {
  return `export CLAUDE_CODE_ENABLE_TELEMETRY=1
export CLAUDE_CODE_ENHANCED_TELEMETRY_BETA=1
export OTEL_TRACES_EXPORTER=otlp
export OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf
export OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=${endpoint}
export OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer ${TOKEN}"`;
}

function collector(endpoint: string): string {
  return `exporters:
  otlphttp/tollhouse:
    traces_endpoint: ${endpoint}
    compression: gzip
    headers:
      authorization: Bearer ${TOKEN}
service:
  pipelines:
    traces:
      receivers: [otlp]
      processors: [batch]
      exporters: [otlphttp/tollhouse]`;
}

function curl(endpoint: string): string {
  return `NOW=$(date +%s)
curl ${endpoint} \\
  -H "Authorization: Bearer ${TOKEN}" -H "Content-Type: application/json" \\
  -d '{"resourceSpans": [{"scopeSpans": [{"spans": [{
    "traceId": "'$(openssl rand -hex 16)'", "spanId": "'$(openssl rand -hex 8)'",
    "name": "chat gpt-4o-mini", "kind": 3,
    "startTimeUnixNano": "'$NOW'000000000", "endTimeUnixNano": "'$NOW'500000000",
    "attributes": [
      {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
      {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o-mini"}},
      {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "12"}}
    ]}]}]}]}'`;
}
