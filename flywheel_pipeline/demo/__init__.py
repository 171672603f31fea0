"""The demo: Fern, the support assistant of the fictional garden-watering company Fernwater.

``documents/`` are its support pages, ``traffic.jsonl`` is what its customers wrote in a week of June 2025.
`record` lets the assistant answer that traffic under its first prompt and writes the export files that are
committed in ``data/traces``; nothing else of the project knows the demo.
"""
