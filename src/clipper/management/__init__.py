"""The controller: admin REST, operations on the registry, supervision of model containers.

May die and come back while frontends and containers go on: it holds no state that is not in the store.
"""
