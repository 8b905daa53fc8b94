"""The query frontend: the data plane's edge. HTTP in, queries to the engine, answers out.

Reading order: `process` (one frontend process), `connection` (one client), `requests` (bytes to requests), `bodies`
(requests to inputs), `responses`, `prediction` and `feedback` (the two verbs), `metrics`.
"""
