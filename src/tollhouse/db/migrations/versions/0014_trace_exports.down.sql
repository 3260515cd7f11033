DROP TABLE trace_exports, trace_exporters;
