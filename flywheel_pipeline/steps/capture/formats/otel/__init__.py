"""OpenTelemetry spans, whatever their encoding: attributes, events and judgements -> `Span`."""
