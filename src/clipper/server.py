"""The composition root: settings become wired processes that are started, drained and stopped."""
