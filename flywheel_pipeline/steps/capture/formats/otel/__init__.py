"""What OpenTelemetry spans tell, whatever their encoding: attributes, events and judgements -> `Span`."""
