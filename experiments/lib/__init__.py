"""What experiments share: a cluster, load, conversations with feedback, data sets, intervals, results and their
page."""
