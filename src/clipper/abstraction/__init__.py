"""The paper's Model Abstraction Layer: cache, queue, adaptive batching, replicas and their links.

It answers «what does this model version say of this input, by this deadline?» and does not know that selection
policies exist. Reading order: `model` (what happens to one input), `evaluation`, `cache`, `queue`, `batching`,
`replica`, `link`.
"""
