"""From something that predicts to a bundle, on the operator's side; and that bundle tried without a server.

`trial` is imported by who needs it: it loads NumPy.
"""

from clipper.client.packaging.bundles import PackageOptions, package

__all__ = ["PackageOptions", "package"]
