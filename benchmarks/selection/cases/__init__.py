"""The cases, one file each; every one of them has a `measure`."""
