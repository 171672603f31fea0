"""Requests to a model's API with their responses, as gateways and apps log them: one module per API.

Each has `NAME`, `recognises(record)` and `read(record, source)` like every format; what they share is in `exchange`.
"""
