"""One module for each row of the table of promises. Each has `measure(bench)`, which starts what it needs itself."""
