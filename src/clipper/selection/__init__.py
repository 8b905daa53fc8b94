"""The paper's Model Selection Layer: which models answer a query, and what answer they give together.

One small file per policy; each is a set of pure functions of a state that is a plain value. `policy` says what a
policy is and lists them all.
"""
