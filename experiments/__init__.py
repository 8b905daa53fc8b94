"""The evidence: each figure of the paper, made again on real data through the public interface of a running Clipper."""
